"""Tests of the whole server as a process."""
