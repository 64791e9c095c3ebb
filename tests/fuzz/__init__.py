"""Strangers' bytes, many of them: a small number with each run of the tests, far more with `make fuzz`.

Random dialogues from a seed (`test_server_session`), and each parser by itself, guided by the branches that an input
reaches (`targets/`, `python -m tests.fuzz`).
"""
