"""The socket at which commands reach the running server: requests, answers, nothing that a file could say (shell)."""
