"""Tests of delivery on this machine."""
