"""One attempt at one destination (pure): the walk over hosts and rungs, the cause of a failure, and whether it is
final.
"""
