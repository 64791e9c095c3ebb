"""Recipients (shell): whether a mailbox exists, from files, folders and callouts that are remembered; and aliases."""
