"""Keeps accepted mail until it is delivered (shell): nothing whose 250 left is ever lost.

An append-only intake log with shared flushes for mail that goes straight through, a folder of one file per message for
mail that waits, recovery, and a double in memory.  `docs/spool.md` lists every state and why a crash there is safe.
"""
