"""The `fopemta` command."""
