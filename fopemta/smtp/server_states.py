"""The states of a server session and all transitions between them (pure).

What is not in these tables cannot happen: an event missing for a state is a bug, a verb missing for a state is answered
503.
"""

from __future__ import annotations

import enum

from fopemta.smtp.commands import Verb


class State(enum.Enum):
    """The state of a session."""

    START = "start"  # no EHLO or HELO yet, or not since TLS began
    READY = "ready"
    SENDER_ASKED = "sender asked"  # waiting for policy
    SENDER = "sender"
    RECIPIENT_ASKED = "recipient asked"
    RECIPIENTS = "recipients"
    OPENING = "opening"  # waiting for the spool to open a message
    CONTENT = "content"
    CHUNK = "chunk"  # reading the octets of a BDAT
    CHUNKS = "chunks"  # between two BDAT of one message
    DISCARDING = "discarding"  # reading and discarding the octets of a refused BDAT
    COMMITTING = "committing"  # the message is complete; waiting for the disk
    FLUSH_ASKED = "flush asked"  # ETRN
    LOGIN_ASKED = "login asked"
    LOGIN = "login"  # the next line is a SASL response
    CLIENT_ASKED = "client asked"  # XCLIENT
    TLS_ASKED = "tls asked"
    HANDSHAKE = "handshake"
    CLOSED = "closed"

    # Hash by identity: Enum.__hash__ is written in Python, and tables are looked up some eighty times for each message.
    __hash__ = object.__hash__


class ServerEvent(enum.Enum):
    """What changes the state of a session."""

    __hash__ = object.__hash__

    GREETED = "greeted"
    RESET = "reset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_AFTER_OTHERS = "refused after others"  # earlier recipients remain
    OPENED = "opened"
    OPENED_FOR_CHUNK = "opened for chunk"
    NEXT_CHUNK = "next chunk"
    CHUNK_TAKEN = "chunk taken"
    CHUNK_REFUSED = "chunk refused"  # its octets are still to come
    DISCARDED = "discarded"
    DISCARDED_BEFORE_GREETING = "discarded before greeting"
    ENDED = "ended"
    FAILED = "failed"  # the message could not be stored
    DONE = "done"
    FLUSH = "flush"
    LOGIN = "login"
    CHALLENGED = "challenged"
    RESPONDED = "responded"
    TLS = "tls"
    TLS_GRANTED = "tls granted"
    TLS_REFUSED = "tls refused"
    TLS_REFUSED_BEFORE_GREETING = "tls refused before greeting"
    SECURED = "secured"
    IMPERSONATE = "impersonate"
    RESTARTED = "restarted"  # as if another client had just connected
    CLOSE = "close"


S, E = State, ServerEvent

# The states in which the next line is read as a command; in all others input waits.
READING = frozenset({S.START, S.READY, S.SENDER, S.RECIPIENTS, S.CHUNKS})

NEXT: dict[tuple[State, ServerEvent], State] = {
    (S.START, E.GREETED): S.READY,
    (S.START, E.RESET): S.START,
    (S.START, E.TLS): S.TLS_ASKED,
    (S.READY, E.GREETED): S.READY,
    (S.READY, E.RESET): S.READY,
    (S.READY, E.MAIL): S.SENDER_ASKED,
    (S.READY, E.TLS): S.TLS_ASKED,
    (S.READY, E.FLUSH): S.FLUSH_ASKED,
    (S.READY, E.LOGIN): S.LOGIN_ASKED,
    (S.READY, E.IMPERSONATE): S.CLIENT_ASKED,
    (S.SENDER_ASKED, E.ACCEPTED): S.SENDER,
    (S.SENDER_ASKED, E.REFUSED): S.READY,
    # RFC 5321 4.1.4: EHLO in a transaction acts as RSET.
    (S.SENDER, E.GREETED): S.READY,
    (S.SENDER, E.RESET): S.READY,
    (S.SENDER, E.RCPT): S.RECIPIENT_ASKED,
    (S.RECIPIENT_ASKED, E.ACCEPTED): S.RECIPIENTS,
    (S.RECIPIENT_ASKED, E.REFUSED): S.SENDER,
    (S.RECIPIENT_ASKED, E.REFUSED_AFTER_OTHERS): S.RECIPIENTS,
    (S.RECIPIENTS, E.GREETED): S.READY,
    (S.RECIPIENTS, E.RESET): S.READY,
    (S.RECIPIENTS, E.RCPT): S.RECIPIENT_ASKED,
    (S.RECIPIENTS, E.DATA): S.OPENING,
    (S.OPENING, E.OPENED): S.CONTENT,
    (S.OPENING, E.OPENED_FOR_CHUNK): S.CHUNK,
    (S.OPENING, E.FAILED): S.READY,
    (S.CONTENT, E.ENDED): S.COMMITTING,
    (S.CONTENT, E.FAILED): S.READY,
    (S.CHUNK, E.CHUNK_TAKEN): S.CHUNKS,
    (S.CHUNK, E.ENDED): S.COMMITTING,
    (S.CHUNK, E.FAILED): S.READY,
    (S.CHUNKS, E.NEXT_CHUNK): S.CHUNK,
    (S.CHUNKS, E.GREETED): S.READY,
    (S.CHUNKS, E.RESET): S.READY,
    # RFC 3030 2: the octets of a refused chunk are read and discarded; the transaction is over.
    **{(state, E.CHUNK_REFUSED): S.DISCARDING for state in (*READING, S.OPENING, S.CHUNK)},
    (S.DISCARDING, E.DISCARDED): S.READY,
    (S.DISCARDING, E.DISCARDED_BEFORE_GREETING): S.START,
    (S.COMMITTING, E.DONE): S.READY,
    (S.COMMITTING, E.FAILED): S.READY,
    (S.FLUSH_ASKED, E.DONE): S.READY,
    (S.LOGIN_ASKED, E.CHALLENGED): S.LOGIN,
    (S.LOGIN_ASKED, E.ACCEPTED): S.READY,
    (S.LOGIN_ASKED, E.REFUSED): S.READY,
    (S.LOGIN, E.RESPONDED): S.LOGIN_ASKED,
    (S.LOGIN, E.REFUSED): S.READY,
    (S.CLIENT_ASKED, E.RESTARTED): S.START,
    (S.CLIENT_ASKED, E.REFUSED): S.READY,
    (S.TLS_ASKED, E.TLS_GRANTED): S.HANDSHAKE,
    (S.TLS_ASKED, E.TLS_REFUSED): S.READY,
    (S.TLS_ASKED, E.TLS_REFUSED_BEFORE_GREETING): S.START,
    (S.HANDSHAKE, E.SECURED): S.START,
    **{(state, E.CLOSE): S.CLOSED for state in State},
}

# Verbs that need certain states; the others are allowed in every state that reads commands.
NEEDS: dict[Verb, frozenset[State]] = {
    Verb.MAIL: frozenset({S.READY}),
    Verb.RCPT: frozenset({S.SENDER, S.RECIPIENTS}),
    Verb.DATA: frozenset({S.RECIPIENTS}),
    Verb.BDAT: frozenset({S.RECIPIENTS, S.CHUNKS}),
    Verb.ETRN: frozenset({S.READY}),
    Verb.STARTTLS: frozenset({S.START, S.READY}),
    Verb.AUTH: frozenset({S.READY}),
    Verb.XCLIENT: frozenset({S.READY}),
}
