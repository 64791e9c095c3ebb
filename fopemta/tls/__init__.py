"""TLS with pyOpenSSL (shell): contexts for both sides, the evidence of a handshake, our own certificates.

No decisions are made here: `trust` says what is offered and judges the evidence.
"""
