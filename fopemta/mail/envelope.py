"""The envelope of a message: who sent it to whom, and what is known of its arrival (pure)."""

from __future__ import annotations

import enum

import attrs

from fopemta.mail.address import Mailbox


class BodyType(enum.Enum):
    """RFC 6152 BODY parameter."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"


@attrs.frozen
class TlsSession:
    """The TLS of a session that we accepted, as the Received header and rules need it.

    `protocol` as OpenSSL names it ("TLSv1.3"), `cipher` likewise ("TLS_AES_256_GCM_SHA384"), `bits` of the symmetric
    key in use.  `server_name` is the SNI that the client sent.  Client certificates are judged by `trust`.
    """

    protocol: str
    cipher: str
    bits: int
    server_name: str | None = None


@attrs.frozen
class Arrival:
    """How a message came in: the facts that rules may ask for later, stored with it.

    `client_address` is an IP address without brackets or zone; `helo` the name the client gave, already checked to be
    printable; `protocol` the RFC 3848 word ("ESMTPS"); `listener` the endpoint string of the configuration.
    """

    client_address: str
    helo: str
    protocol: str
    tls: TlsSession | None = None
    login: str | None = None
    listener: str = ""


@attrs.frozen
class Envelope:
    """What MAIL and RCPT said.  `sender` None is the null reverse-path `<>`; `recipients` has no address twice.

    `arrival` is None for a message made here (reports).
    """

    sender: Mailbox | None
    recipients: tuple[Mailbox, ...]
    body_type: BodyType = BodyType.SEVEN_BIT
    arrival: Arrival | None = None
