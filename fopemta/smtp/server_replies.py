"""The fixed replies of a server session (pure); those that every session uses are rendered once."""

from __future__ import annotations

from fopemta.mail.reply import Reply
from fopemta.smtp.commands import Verb

BAD_SEQUENCE = {
    Verb.MAIL: "Say EHLO first, and end one transaction before the next",
    Verb.RCPT: "Say MAIL first",
    Verb.DATA: "Say RCPT first",
    Verb.BDAT: "Say RCPT first",
    Verb.ETRN: "Say EHLO first, and not in the middle of a transaction",
    Verb.STARTTLS: "Not in the middle of a transaction",
    Verb.AUTH: "Say EHLO first, and not in the middle of a transaction",
    Verb.XCLIENT: "Say EHLO first, and not in the middle of a transaction",
}

TLS_FIRST = Reply.of(530, "5.7.0", "Must issue a STARTTLS command first")
TLS_ACTIVE = Reply.of(503, "5.5.1", "TLS is already active")
NO_TLS = Reply.of(502, "5.5.1", "TLS is not available")
NOT_AVAILABLE = Reply.of(502, "5.5.1", "Command is not available here")
LOGIN_FIRST = Reply.of(530, "5.7.0", "Authentication required")
ENCRYPTION_FIRST = Reply.of(538, "5.7.11", "Encryption is required for authentication")
LOGGED_IN_ALREADY = Reply.of(503, "5.5.1", "Already authenticated")
NO_MECHANISM = Reply.of(504, "5.5.4", "Unknown authentication mechanism")
LOGIN_LINE_TOO_LONG = Reply.of(500, "5.5.6", "Authentication exchange line is too long")
BINARY_NEEDS_BDAT = Reply.of(503, "5.5.1", "BODY=BINARYMIME needs BDAT")
DATA_AFTER_BDAT = Reply.of(503, "5.5.1", "DATA cannot follow BDAT: the message is dropped, begin a new transaction")
TOO_LARGE = Reply.of(552, "5.3.4", "Message is too large")
TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Too many recipients, send the others in another transaction")
TOO_MANY_ERRORS = Reply.of(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply.of(421, "4.7.0", "Too many commands")

OK = Reply.of(250, "2.0.0", "Ok").render()
SENDER_OK = Reply.of(250, "2.1.0", "Ok").render()
RECIPIENT_OK = Reply.of(250, "2.1.5", "Ok").render()
GO_AHEAD = Reply.of(354, None, "End data with <CR><LF>.<CR><LF>").render()
LOGGED_IN = Reply.of(235, "2.7.0", "Authentication succeeded").render()
# Deliberately the one 2yz reply without an enhanced code: the exact words of RFC 3207 4.
READY_FOR_TLS = Reply.of(220, None, "Ready to start TLS").render()
HELP = Reply.of(214, "2.0.0", "Commands: " + " ".join(verb.value for verb in Verb if verb is not Verb.XCLIENT)).render()


def queued(message_id: str) -> bytes:
    """The reply for a message that is safely stored."""
    return b"250 2.0.0 Ok: queued as %s\r\n" % message_id.encode("ascii")
