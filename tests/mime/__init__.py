"""A stranger's message, read leniently and within bounds."""
