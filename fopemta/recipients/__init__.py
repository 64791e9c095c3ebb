"""Recipients (shell): whether a mailbox exists, by files, folders and cached callouts; and aliases."""
