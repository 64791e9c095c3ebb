"""Logins (shell): the user file, passwords checked off the reactor thread, `twisted.cred` between the two."""
