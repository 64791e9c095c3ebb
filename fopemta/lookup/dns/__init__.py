"""DNS asked (shell): servers in turn, by UDP and TCP, each question with one deadline."""
