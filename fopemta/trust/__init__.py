"""What a TLS session proves, and what it must prove (pure).

The evidence of a handshake, levels, rungs, the plan for a destination, the verdict on a certificate chain, the
diagnosis of a failure, and the verdict record from which every report, log line and listing is made.
"""
