"""Strangers' bytes, many of them: a small number with each run of the tests, 200,000 and more with `make fuzz`."""
