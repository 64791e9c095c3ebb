"""Tests of the walk over hosts and rungs."""
