"""Public doubles for testing against fopemta: transports, resolvers, servers, authorities, disks (no part of the server)."""
