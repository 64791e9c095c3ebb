"""Tests with the programs of strangers: real processes on loopback, private configurations, real TLS."""
