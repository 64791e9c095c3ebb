"""Tests of fopemta.users."""
