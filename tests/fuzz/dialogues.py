"""Random ESMTP dialogues: what clients say, right, wrong and mangled, from a seed."""

from __future__ import annotations

import random

from fopemta.smtp.server_states import State
from fopemta.smtp.transaction import BareLineEnds
from tests.smtp.conversation import ENDED_WITH_MORE, TLS, Conversation, rules

LINES = (
    b"EHLO c.test", b"HELO c.test", b"EHLO [IPv6:::1]", b"EHLO", b"MAIL FROM:<>", b"MAIL FROM:<a@b.test>",
    b"MAIL FROM:<a@b.test> BODY=BINARYMIME", b"MAIL FROM:<a@b.test> SIZE=10 SMTPUTF8", b"MAIL FROM:<a@b.test> X=1",
    "MAIL FROM:<ü@ü.test> SMTPUTF8 RET=HDRS".encode(), b'MAIL FROM:<"a b"@c.test> ENVID=x+2B',
    b"RCPT TO:<b@local.test>",
    b"RCPT TO:<c@local.test> NOTIFY=NEVER", b"RCPT TO:<x@denied.test>", b"RCPT TO:<postmaster>", b"RCPT TO:<b",
    "RCPT TO:<ö@local.test> ORCPT=utf-8;ö@local.test".encode(), b"DATA", b"DATA", b"BDAT 0 LAST", b"BDAT 5",
    b"BDAT 12 LAST",
    b"BDAT 3 FIRST", b"BDAT -1", b"BDAT 99999999999999999999", b"BDAT 2000", b"RSET", b"NOOP", b"NOOP x", b"QUIT",
    b"VRFY bob", b"HELP", b"ETRN local.test", b"ETRN @far.test", b"ETRN #q", b"STARTTLS", b"STARTTLS x", b"AUTH PLAIN",
    b"AUTH PLAIN c2VjcmV0", b"AUTH LOGIN bW9yZQ==", b"c2VjcmV0", b"*", b"XCLIENT ADDR=192.0.2.9", b"XCLIENT X", b"",
    b".", b"..", b"text", b"Received: x", b"\xff\xfe", b"a" * 3000, b"b" * 13_000,
)  # fmt: skip
ENDS = (b"\r\n",) * 14 + (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\0\r\n", b"")
# What leads somewhere, so that the states deep inside are reached often.
PATHS = (
    b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@local.test>\r\n",
    b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@local.test>\r\nDATA\r\n",
    b"EHLO c.test\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@local.test>\r\nBDAT 4\r\n\r\n.\r",
    b"EHLO c.test\r\nAUTH PLAIN\r\n",
    b"EHLO c.test\r\nSTARTTLS\r\n",
    b"\r\n.\r\n",
    b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\0\r\n",
)  # fmt: skip


def dialogue(dice: random.Random) -> list[bytes]:
    """The segments of one client's stream."""
    pieces = []
    for _ in range(dice.randint(1, 14)):
        if dice.random() < 0.25:
            pieces.append(dice.choice(PATHS))
        else:
            pieces.append(mangled(dice.choice(LINES), dice) + dice.choice(ENDS))
    stream = b"".join(pieces)
    cuts = sorted(dice.randrange(len(stream) + 1) for _ in range(dice.randint(0, 6)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def mangled(line: bytes, dice: random.Random) -> bytes:
    """Mostly as it is; else with an octet changed, lost or added."""
    if dice.random() < 0.8 or not line:
        return line
    at = dice.randrange(len(line))
    return line[:at] + dice.choice([b"", bytes([dice.randrange(256)]), line[at : at + 1] * 2]) + line[at + 1 :]


def conversation(dice: random.Random) -> Conversation:
    """A session with some configuration."""
    return Conversation(
        rules(
            message_size=dice.choice([0, 60, 1000]),
            recipients=dice.choice([1, 3]),
            errors=dice.choice([2, 1000]),
            commands=dice.choice([0, 12]),
            hops=dice.choice([0, 1]),
            tls_required=dice.random() < 0.2,
            mechanisms=dice.choice([(), ("PLAIN", "LOGIN")]),
            login_required=dice.random() < 0.2,
            xclient=dice.random() < 0.2,
            bare_newlines=dice.choice(list(BareLineEnds)),
            without=dice.choice([frozenset(), frozenset({"CHUNKING"})]),
        ),
        dice.choice([None, TLS]),
    )


def surplus(talk: Conversation) -> int:
    """How many more replies there are than there should be; 0 when each command has had its own."""
    codes, session = talk.codes(), talk.session
    expected = 1 + session.commands
    # DATA is answered twice, the second time when the data has ended; each challenge asks for one more line.
    expected += codes.count(354) - (session.state is State.CONTENT or talk.cut_in_content)
    expected += codes.count(334) - (session.state is State.LOGIN)
    # The octets of a chunk are still to come.
    expected -= session.state in (State.CHUNK, State.DISCARDING)
    expected += talk.closed in ENDED_WITH_MORE
    return len(codes) - expected
