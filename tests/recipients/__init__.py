"""Recipients: files, memory, and who asks whom."""
