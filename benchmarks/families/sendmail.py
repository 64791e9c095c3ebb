"""What programs of this machine hand in (`fopemta.sendmail`)."""

from __future__ import annotations

from benchmarks.families.family import Family, repeated, tolerant
from fopemta.sendmail.address_list import addresses
from fopemta.sendmail.dropped import Damaged, letter_of
from fopemta.sendmail.text import DotEnd, HeaderTaken, HeaderTooLong


def _text(octets: bytes) -> object:
    dot, taken = DotEnd(), HeaderTaken()
    for start in range(0, len(octets), 65536):
        taken.feed(dot.feed(octets[start : start + 65536]))
    return taken.finish()


def _list(octets: bytes) -> object:
    return addresses(octets.decode("latin-1"))


_read_text, _read_letter = tolerant(_text, HeaderTooLong), tolerant(letter_of, Damaged)

FAMILIES = (
    Family("sendmail.fields", repeated(b"A: b\n"), _read_text),
    Family("sendmail.folds", repeated(b" x\n", b"To: a\n"), _read_text),
    Family("sendmail.long-field", repeated(b"a,", b"To: "), _read_text),
    Family("sendmail.dots", repeated(b".\r", b"\n\n"), _read_text),
    Family("sendmail.dotted-lines", repeated(b"\n..", b"\n\n"), _read_text),
    Family("sendmail.comments", repeated(b"("), _list),
    Family("sendmail.ends", repeated(b")"), _list),
    Family("sendmail.quotes", repeated(b'"a\\'), _list),
    Family("sendmail.brackets", repeated(b"<["), _list),
    Family("sendmail.blanks", repeated(b" . "), _list),
    Family("sendmail.routes", repeated(b"@a,", b"<"), _list),
    Family("sendmail.groups", repeated(b"a:;"), _list),
    Family("sendmail.nested-json", repeated(b"["), _read_letter),
    Family("sendmail.recipients", repeated(b'"a",', b'{"sender":"","recipients":[', b'"b"]}'), _read_letter),
)
