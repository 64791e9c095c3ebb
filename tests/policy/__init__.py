"""Tests of what is permitted."""
