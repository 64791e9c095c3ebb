"""Tests of what a TLS session proves."""
