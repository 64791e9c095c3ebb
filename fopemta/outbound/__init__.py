"""Sending mail (shell): the delivery manager, connections to hosts, the protocol that performs a session's effects.

What to try next, the cause of a failure and what TLS is good enough are decided in `attempt` and `trust`.
"""
