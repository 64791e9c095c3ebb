"""Tests of how messages are written on disk."""
