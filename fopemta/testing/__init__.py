"""Public doubles for tests: transports, resolvers, servers, authorities, disks (no part of the running server)."""
