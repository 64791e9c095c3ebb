"""Tests of TLS contexts, with real handshakes in memory."""
