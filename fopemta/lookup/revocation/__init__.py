"""Whether certificates have been revoked (shell): staples, OCSP responses and CRLs, fetched and kept."""
