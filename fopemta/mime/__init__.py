"""A stranger's message read as the most lenient reader of mail would (pure): bounded, and linear in its size.

The standard library's parser is not used: some of its paths take time with the square of their input, and it keeps
silent about much that readers of mail disagree on.  What nobody can tell is named as a `Flaw`.
"""
