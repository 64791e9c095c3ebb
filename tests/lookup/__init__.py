"""Tests of DNS lookups: a double of the reactor's UDP, and once a real server on loopback."""
