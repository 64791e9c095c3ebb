"""Where a message goes next (pure): routes, MX ordering, null MX, loops, the hosts to try."""
