"""Mail as values (pure): envelopes, replies, queued messages, the Received header, identifiers.

What several rooms share about a message is here, so that no room needs to know another's insides.
"""
