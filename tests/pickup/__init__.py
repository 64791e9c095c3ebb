"""Tests of collecting what local programs have dropped."""
