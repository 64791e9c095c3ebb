"""Golden files: whole texts that people read."""
