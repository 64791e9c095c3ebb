"""Families of hostile inputs for `python -m benchmarks.hostile`: one module for each room that reads strangers' octets.

To add some: a module here with `FAMILIES`, a tuple of `Family`; nothing else needs to be told.
"""
