"""The `fopemta` command (composition): the operator's command-line interface."""
