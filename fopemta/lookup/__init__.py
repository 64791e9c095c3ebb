"""Questions to the world (shell): DNS on the Twisted reactor, and the hosts of a next hop.

dnspython makes and reads the messages; the exchange, its deadlines and the cache are here.
"""
