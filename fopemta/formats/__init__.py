"""How messages are written on disk (pure): records of the log, files of waiting messages, and where they lie."""
