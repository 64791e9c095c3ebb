"""Reports to senders (pure): in the format of RFC 3462 and 3464, in words that a lay person understands."""
