"""`twistd fopemta`: the service maker, found by Twisted's plugin system."""

from twisted.application.service import ServiceMaker

fopemta = ServiceMaker(
    "fopemta",
    "fopemta.server.service",
    "A mail transfer agent that proves and explains the TLS of every message",
    "fopemta",
)
