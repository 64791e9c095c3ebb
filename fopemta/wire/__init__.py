"""The connections of mail sessions (shell): watched together, and written to when a turn of the reactor ends."""
