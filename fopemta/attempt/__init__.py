"""One try at one destination (pure): the walk over hosts and rungs, whose fault a failure is, how final."""
