"""What decides who is tried when."""
