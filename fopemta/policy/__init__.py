"""Policy (pure): the facts of a stage in, a decision out."""
