"""What a server may answer: the client's session and its reply parser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.families.family import Family, repeated
from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.smtp.client_effects import Ready, SendChunk, SendContent, Transaction
from fopemta.smtp.client_session import ClientSession
from fopemta.smtp.reply_parser import ReplyParser
from tests.smtp.permits import permit_for

# As much as is read from a socket at once.
_SEGMENT = 1 << 16
_GREETING = b"220 mx ESMTP\r\n"
_OFFER = b"250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"
_BARE = b"250 mx\r\n"


def _segments(octets: bytes, size: int = _SEGMENT) -> Iterator[bytes]:
    return (octets[start : start + size] for start in range(0, len(octets), size))


def _heard(before: bytes = b"", size: int = _SEGMENT) -> Callable[[bytes], None]:
    """A session in which `before` was said and the rest comes in segments of `size`."""

    def read(octets: bytes) -> None:
        session = ClientSession("us.test", True)
        for data in (*before.splitlines(keepends=True), *_segments(octets, size)):
            session.receive(data)

    return read


def _parsed(patient: bool) -> Callable[[bytes], None]:
    """Reply after reply, as long as there are any."""

    def read(octets: bytes) -> None:
        parser = ReplyParser(patient)
        for data in _segments(octets):
            parser.feed(data)
            while parser.next_reply() is not None:
                pass

    return read


def _asked(offer: bytes, body: BodyType = BodyType.SEVEN_BIT) -> Callable[[bytes], None]:
    """A message for as many recipients as `octets` has lines; each line is the answer to one of them."""

    def read(octets: bytes) -> None:
        answers = octets.splitlines(keepends=True)
        recipients = tuple(Mailbox(f"r{number}", "d.test") for number in range(len(answers)))
        session = ClientSession("us.test", False)
        session.receive(_GREETING)
        assert isinstance([*session.receive(offer), *session.waited()][-1], Ready)
        transaction = Transaction(envelope=Envelope(None, recipients), recipients=recipients, size=1, body=body)
        session.begin(transaction, permit_for(transaction, session.tls))
        for answer in (b"250 ok\r\n", *answers, b"354 go\r\n"):
            if any(isinstance(each, SendContent | SendChunk) for each in session.receive(answer)):
                return

    return read


FAMILIES = (
    Family("replies.greeting_lines", repeated(b"220-x\r\n"), _heard()),
    Family("replies.greeting_garbage", repeated(b"x\r\n"), _heard()),
    Family("replies.greeting_blank_lines", repeated(b"\n"), _heard()),
    Family("replies.greeting_without_end", repeated(b"220 "), _heard()),
    Family("replies.greeting_again", repeated(_GREETING), _heard()),
    Family("replies.offer_lines", repeated(b"250-STARTTLS\r\n", before=b"250-mx\r\n"), _heard(_GREETING)),
    Family("replies.offer_words", repeated(b"XSTARTTLS-", before=b"250-mx "), _heard(_GREETING)),
    Family("replies.offer_again", repeated(_OFFER), _heard(_GREETING)),
    Family("replies.offer_without_dashes", repeated(b"250 SIZE\r\n"), _heard(_GREETING)),
    Family("replies.octet_by_octet", repeated(b"250-x "), _heard(_GREETING, size=1)),
    Family("replies.behind_starttls", repeated(b"250 x\r\n"), _heard(_GREETING + b"250 STARTTLS\r\n")),
    Family("replies.after_the_end", repeated(b"x"), _heard(b"554 no\r\n")),
    Family("replies.replies", repeated(b"250 2.1.0 ok\r\n"), _parsed(patient=False)),
    Family("replies.many_lines", repeated(b"250-2.1.0 " + b"x" * 300 + b"\r\n250 2.1.0 ok\r\n"), _parsed(patient=True)),
    Family("replies.blanks", repeated(b" \t\0\r"), _parsed(patient=True)),
    Family("replies.enhanced_codes", repeated(b"250 2.1.0 2.1.0 2.1.0\r\n"), _parsed(patient=False)),
    Family("replies.recipients_at_once", repeated(b"250 ok\r\n"), _asked(_OFFER), largest=1 << 17),
    Family("replies.recipients_refused", repeated(b"550 5.1.1 no\r\n"), _asked(_OFFER), largest=1 << 17),
    Family("replies.recipients_one_by_one", repeated(b"250 ok\r\n"), _asked(_BARE), largest=1 << 17),
    Family("replies.recipients_refused_one_by_one", repeated(b"550 no\r\n"), _asked(_BARE), largest=1 << 17),
    Family("replies.recipients_of_chunks", repeated(b"250 ok\r\n"), _asked(_OFFER, BodyType.BINARY_MIME), 1 << 17),
)
