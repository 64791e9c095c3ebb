"""DNS queries (shell): several servers, by UDP and TCP, with one deadline for each question."""
