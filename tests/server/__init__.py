"""Tests of the program put together, started, reloaded and stopped."""
