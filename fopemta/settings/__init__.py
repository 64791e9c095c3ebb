"""Read single values of a configuration file (pure): quantities, words, addresses; with the place and reason of each
error.
"""
