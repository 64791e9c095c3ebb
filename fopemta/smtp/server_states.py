"""The states of a server session and every way from one to another (pure).

What is not in these tables cannot happen: an event that a state does not know is a fault of the program, a verb that it
does not know is answered 503.
"""

from __future__ import annotations

import enum

from fopemta.smtp.commands import Verb


class State(enum.Enum):
    """Where a session stands."""

    START = "start"  # no EHLO or HELO yet, or not since TLS began
    READY = "ready"
    SENDER_ASKED = "sender asked"  # policy is thinking
    SENDER = "sender"
    RECIPIENT_ASKED = "recipient asked"
    RECIPIENTS = "recipients"
    OPENING = "opening"  # the spool is making room
    CONTENT = "content"
    COMMITTING = "committing"  # the final dot has come, the disk has not answered
    HANDSHAKE = "handshake"
    CLOSED = "closed"


class Event(enum.Enum):
    """What moves a session."""

    GREETED = "greeted"
    RESET = "reset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_AFTER_OTHERS = "refused after others"  # earlier recipients stand
    OPENED = "opened"
    ENDED = "ended"
    FAILED = "failed"  # no message came of it
    DONE = "done"
    TLS = "tls"
    SECURED = "secured"
    CLOSE = "close"


S, E = State, Event

NEXT: dict[tuple[State, Event], State] = {
    (S.START, E.GREETED): S.READY,
    (S.START, E.RESET): S.START,
    (S.START, E.TLS): S.HANDSHAKE,
    (S.READY, E.GREETED): S.READY,
    (S.READY, E.RESET): S.READY,
    (S.READY, E.MAIL): S.SENDER_ASKED,
    (S.READY, E.TLS): S.HANDSHAKE,
    (S.SENDER_ASKED, E.ACCEPTED): S.SENDER,
    (S.SENDER_ASKED, E.REFUSED): S.READY,
    # RFC 5321 4.1.4: EHLO in a transaction is a RSET.
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
    (S.OPENING, E.FAILED): S.READY,
    (S.CONTENT, E.ENDED): S.COMMITTING,
    (S.CONTENT, E.FAILED): S.READY,
    (S.COMMITTING, E.DONE): S.READY,
    (S.COMMITTING, E.FAILED): S.READY,
    (S.HANDSHAKE, E.SECURED): S.START,
    **{(state, E.CLOSE): S.CLOSED for state in State},
}

# Verbs that need a certain state; the others fit every state in which commands are read.
NEEDS: dict[Verb, frozenset[State]] = {
    Verb.MAIL: frozenset({S.READY}),
    Verb.RCPT: frozenset({S.SENDER, S.RECIPIENTS}),
    Verb.DATA: frozenset({S.RECIPIENTS}),
    Verb.STARTTLS: frozenset({S.START, S.READY}),
}

# The states in which the next line is read; in all others what comes has to wait.
READING = frozenset({S.START, S.READY, S.SENDER, S.RECIPIENTS})
