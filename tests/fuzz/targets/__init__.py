"""What is fuzzed: for each parser of strangers' octets one function that reads some and says what must be true of it.

To add one: its `Target` in a module here with `TARGETS`, and its first inputs in `tests/fuzz/corpus/NAME/`.
"""
