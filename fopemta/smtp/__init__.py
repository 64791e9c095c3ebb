"""The ESMTP language in both directions (pure): bytes to lines to commands, content to the wire and back, sessions.

Sessions are sans-I/O: they are told what happened and answer with effects; `inbound` and `outbound` perform these.
"""
