"""Routing (pure): routes, MX ordering, null MX, loops, the hosts to try."""
