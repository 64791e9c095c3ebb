"""Addresses (pure): mailboxes, domains, IP addresses and networks; their grammar, and how people write them."""
