"""Tests of sending, in memory with real TLS."""
