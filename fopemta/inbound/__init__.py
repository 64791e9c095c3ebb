"""Receiving mail (shell): a listener's ESMTP factory, and the protocol that performs a session's effects."""
