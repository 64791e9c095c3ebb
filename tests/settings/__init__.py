"""Tests of the values that rooms share about a message."""
