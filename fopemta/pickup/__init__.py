"""Collecting what local programs have dropped (shell): the folder, the collector, and the socket that wakes it."""
