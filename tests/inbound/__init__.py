"""Tests of the inbound protocol, in memory."""
