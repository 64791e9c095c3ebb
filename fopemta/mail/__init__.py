"""Mail as values (pure): envelopes, replies, queued messages, the Received header, identifiers.

It holds what several rooms need to know about a message.
"""
