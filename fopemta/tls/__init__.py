"""TLS with pyOpenSSL (shell): contexts for both sides, the evidence of a handshake, our own certificates.

Nothing is decided here: `trust` says what is offered and judges what was seen.
"""
