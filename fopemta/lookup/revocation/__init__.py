"""Revocation of certificates (shell): staples, OCSP responses and CRLs, fetched and cached."""
