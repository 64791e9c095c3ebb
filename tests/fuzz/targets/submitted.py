"""What programs and users of this machine hand in: the command line, the text, and files in the drop folder."""

from __future__ import annotations

from fopemta.sendmail.address_list import addresses
from fopemta.sendmail.command_line import Usage, read
from fopemta.sendmail.dropped import HEAD_SIZE, LARGEST_ENVELOPE, Damaged, head_of, letter_of
from fopemta.sendmail.text import DotEnd, HeaderTaken, HeaderTooLong
from tests.fuzz.targets.target import Target, in_pieces


def _dropped(octets: bytes) -> None:
    """The beginning of a file, and the envelope in it, or all of it as one."""
    try:
        head = head_of(octets[:HEAD_SIZE])
    except Damaged:
        pass
    else:
        assert head.octets() == octets[:HEAD_SIZE]
        assert head.envelope <= LARGEST_ENVELOPE
    for envelope in (octets, octets[HEAD_SIZE:]):
        try:
            letter = letter_of(envelope)
        except Damaged as damage:
            assert str(damage).isprintable()
            continue
        assert letter.recipients
        assert all(each.isprintable() for each in (letter.sender, letter.full_name, *letter.recipients))
        assert letter_of(letter.octets()) == letter


def _text(octets: bytes) -> None:
    """The first octet says how the rest is cut; the answer is the same as for the whole."""
    how, text = octets[:1], octets[1:]
    if not how:
        return
    found = _handed_in([text])
    assert found == _handed_in(in_pieces(text, how[0])), found
    assert found is None or all(each for each in found[1])
    for line in text.split(b"\n"):
        assert all(addresses(line.decode("utf-8", "replace")))


def _handed_in(pieces: list[bytes]) -> tuple[bytes, tuple[str, ...]] | None:
    dot, taken = DotEnd(), HeaderTaken()
    try:
        text = b"".join([taken.feed(dot.feed(each)) for each in pieces]) + taken.finish()
    except HeaderTooLong:
        return None
    assert taken.header is not None
    return text, taken.header.recipients


def _command_line(octets: bytes) -> None:
    """Words with LF between them."""
    words = octets.decode("utf-8", "surrogateescape").split("\n")
    try:
        order = read(["sendmail", *words])
    except Usage as wrong:
        assert str(wrong)
        return
    assert order.recipients == tuple(words[len(words) - len(order.recipients) :])


TARGETS = (
    Target("dropped", _dropped),
    Target("sendmail-input", _text, ("sendmail",)),
    Target("command-line", _command_line, (), 512),
)
