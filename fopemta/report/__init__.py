"""What senders are told (pure): reports as RFC 3462 and 3464 want them, with words that a lay person understands."""
