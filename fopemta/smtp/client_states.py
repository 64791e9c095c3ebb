"""The states of a client session and all transitions between them (pure)."""

from __future__ import annotations

import enum

from fopemta.smtp.client_effects import Phase


class ClientState(enum.Enum):
    """The state of a session; in most states a reply is awaited."""

    __hash__ = object.__hash__  # Enum's own __hash__ is written in Python and slow; these members are keys of tables.

    GREETING = "greeting"
    EHLO = "ehlo"
    HELO = "helo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    EHLO_AGAIN = "ehlo again"  # under TLS; until a reply begins, a broken connection is the handshake's failure
    HELO_AGAIN = "helo again"
    READY = "ready"
    ENVELOPE = "envelope"
    CONTENT = "content"
    CHUNK = "chunk"  # a piece of the message is being sent by BDAT
    CHUNK_SENT = "chunk sent"
    FINAL = "final"
    RESET = "reset"
    QUIT = "quit"
    CLOSED = "closed"


class ClientEvent(enum.Enum):
    """What changes the state of a session."""

    __hash__ = object.__hash__  # Enum's own __hash__ is written in Python and slow; these members are keys of tables.

    GREETED = "greeted"
    NO_EHLO = "no ehlo"
    KNOWN = "known"  # EHLO or HELO was answered, and TLS will not be begun
    WANT_TLS = "want tls"
    TLS_REFUSED = "tls refused"
    TLS_GRANTED = "tls granted"
    SECURED = "secured"
    BEGIN = "begin"
    GO_AHEAD = "go ahead"  # 354
    TO_CHUNKS = "to chunks"
    CHUNK_OUT = "chunk out"  # more of the message follows
    NEXT_CHUNK = "next chunk"
    SENT = "sent"
    DONE = "done"
    TO_RESET = "to reset"
    QUIT = "quit"
    CLOSE = "close"


S, E = ClientState, ClientEvent

NEXT: dict[tuple[ClientState, ClientEvent], ClientState] = {
    (S.GREETING, E.GREETED): S.EHLO,
    (S.EHLO, E.NO_EHLO): S.HELO,
    (S.EHLO, E.KNOWN): S.READY,
    (S.EHLO, E.WANT_TLS): S.STARTTLS,
    (S.HELO, E.KNOWN): S.READY,
    (S.HELO, E.WANT_TLS): S.STARTTLS,
    (S.STARTTLS, E.TLS_REFUSED): S.READY,
    (S.STARTTLS, E.TLS_GRANTED): S.HANDSHAKE,
    (S.HANDSHAKE, E.SECURED): S.EHLO_AGAIN,
    (S.EHLO_AGAIN, E.KNOWN): S.READY,
    (S.EHLO_AGAIN, E.NO_EHLO): S.HELO_AGAIN,
    (S.HELO_AGAIN, E.KNOWN): S.READY,
    (S.READY, E.BEGIN): S.ENVELOPE,
    (S.READY, E.QUIT): S.QUIT,
    (S.ENVELOPE, E.GO_AHEAD): S.CONTENT,
    (S.ENVELOPE, E.TO_RESET): S.RESET,
    (S.CONTENT, E.SENT): S.FINAL,
    (S.ENVELOPE, E.TO_CHUNKS): S.CHUNK,
    (S.CHUNK, E.CHUNK_OUT): S.CHUNK_SENT,
    (S.CHUNK, E.SENT): S.FINAL,
    (S.CHUNK_SENT, E.NEXT_CHUNK): S.CHUNK,
    (S.CHUNK_SENT, E.TO_RESET): S.RESET,
    (S.FINAL, E.TO_RESET): S.RESET,
    (S.FINAL, E.DONE): S.READY,
    (S.RESET, E.DONE): S.READY,
    **{(state, E.CLOSE): S.CLOSED for state in ClientState},
}

PHASES: dict[ClientState, Phase] = {
    S.GREETING: Phase.GREETING,
    S.EHLO: Phase.HELO,
    S.HELO: Phase.HELO,
    S.STARTTLS: Phase.STARTTLS,
    S.HANDSHAKE: Phase.HANDSHAKE,
    S.EHLO_AGAIN: Phase.HANDSHAKE,
    S.HELO_AGAIN: Phase.HELO,
    S.READY: Phase.QUIT,
    S.ENVELOPE: Phase.MAIL,
    S.CONTENT: Phase.CONTENT,
    S.CHUNK: Phase.CONTENT,
    S.CHUNK_SENT: Phase.CONTENT,
    S.FINAL: Phase.FINAL,
    S.RESET: Phase.QUIT,
    S.QUIT: Phase.QUIT,
    S.CLOSED: Phase.QUIT,
}
