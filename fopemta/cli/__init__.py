"""The `fopemta` command (composition): what an operator asks and does from a shell."""
