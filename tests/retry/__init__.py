"""Tests of when to try again."""
