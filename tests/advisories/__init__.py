"""One module for each advisory, ours or others': what must never happen again."""
