"""Tests of the doubles that tests use."""
