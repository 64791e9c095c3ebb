"""Network lookups (shell): DNS on the Twisted reactor, HTTP, and the hosts of a next hop.

dnspython makes and reads the DNS messages; the exchange, its deadlines and the cache are here.
"""
