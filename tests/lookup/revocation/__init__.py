"""Tests of what is found out about revoked certificates."""
