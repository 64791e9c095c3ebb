"""The intake log (shell): accepted mail in segments, many messages to a flush."""
