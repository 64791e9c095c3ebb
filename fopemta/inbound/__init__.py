"""Taking mail in (shell): the ESMTP factory of a listener, and the protocol that performs what a session wants done."""
