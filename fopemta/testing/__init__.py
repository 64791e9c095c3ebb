"""Public test doubles: transports, resolvers, servers, authorities, disks (not part of the running server)."""
