"""Tests of routing: whole tables, no DNS."""
