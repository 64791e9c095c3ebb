"""Messages that wait for another try (shell): one file each, in `deferred/`."""
