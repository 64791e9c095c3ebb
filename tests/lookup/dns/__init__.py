"""Tests of DNS asked of servers that answer late, wrongly or not at all."""
