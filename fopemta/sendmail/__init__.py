"""The parts of the sendmail command (pure): its command line, its input, and the files that it drops."""
