"""Read a stranger's message as the most lenient mail reader would (pure): bounded, and linear in its size.

The standard library's parser is not used: some of its paths take quadratic time, and it hides much that mail readers
disagree on.  What cannot be determined is reported as a `Flaw`.
"""
