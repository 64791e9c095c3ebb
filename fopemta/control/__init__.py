"""The socket at which commands reach the running server (shell): requests and answers."""
