"""What the sendmail command understands (pure): its command line, its input, and the files that it drops."""
