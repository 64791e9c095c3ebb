"""Measurements of fopemta beside its peers, in one run on one machine; no test depends on them."""
