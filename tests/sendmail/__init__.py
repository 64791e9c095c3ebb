"""Tests of what the sendmail command understands."""
