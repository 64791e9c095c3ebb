"""What is permitted (pure): facts of a stage in, a decision out."""
