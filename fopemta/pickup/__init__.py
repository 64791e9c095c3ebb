"""Collect messages dropped by local programs (shell): the folder, the collector, and the socket that wakes it."""
