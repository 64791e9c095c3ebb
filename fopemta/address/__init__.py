"""Addresses (pure): mailboxes, domains, IP addresses and networks, in their SMTP grammar and as people write them."""
