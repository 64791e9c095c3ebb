"""The tests of fopemta; the folders mirror `fopemta/`."""
