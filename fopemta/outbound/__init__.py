"""Sending mail on (shell): the delivery manager, connections to hosts, the protocol that performs a session's wishes.

What to try next, whose fault a failure is and what TLS is good enough are decided in `attempt` and `trust`.
"""
