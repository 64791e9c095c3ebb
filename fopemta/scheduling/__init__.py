"""Who is tried when (pure): where each message of the queue stands, and what its destinations can take now."""
