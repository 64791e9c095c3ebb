"""An SMTP reply: code, enhanced code and text that a peer may see (pure).

RFC 5321 4.2, RFC 2034, RFC 3463.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

import attrs

_ENHANCED = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
# RFC 5321 4.5.3.1.5: 512 octets a line with codes and CRLF.
_LONGEST_LINE = 480


@attrs.frozen
class Reply:
    """`code` 200-599; `enhanced` such as "5.7.1", None if a reply has none (greeting, EHLO, 3yz, STARTTLS); `lines` the
    text, without CRLF.  Never holds exception text, rule names or paths.
    """

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, enhanced: str | None, *lines: str) -> Reply:
        """Make a reply with the text lines as arguments."""
        return cls(code, enhanced, lines or ("",))

    @property
    def positive(self) -> bool:
        """Whether it is 2yz or 3yz."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether it is 4yz."""
        return 400 <= self.code < 500

    @property
    def text(self) -> str:
        """The text in one line without codes, as in logs and reports."""
        return " ".join(line for line in self.lines if line)

    def enhanced_in(self, digit: str) -> str:
        """The enhanced code in class `digit`: with the subject of the reply's own code, even if that has the wrong
        class ("451 5.7.3"); without one, the unspecific subject.
        """
        if self.enhanced is not None:
            return digit + self.enhanced[1:]
        found = _ENHANCED.match(self.lines[0])
        return f"{digit}.{int(found[1])}.{int(found[2])}" if found else f"{digit}.0.0"

    @property
    def whole(self) -> str:
        """Codes and text in one line."""
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))

    def shortened(self, most: int) -> Reply:
        """A reply with at most `most` characters of text and a note of how many were cut; itself if it is short
        enough.
        """
        excess = sum(map(len, self.lines)) - most
        if excess <= 0:
            return self
        lines: list[str] = []
        for line in self.lines:
            lines.append(line[:most])
            most -= len(line)
            if most <= 0:
                break
        lines[-1] += f"... ({excess} more characters)"
        return attrs.evolve(self, lines=tuple(lines))

    def render(self) -> bytes:
        """The wire form: codes on every line (RFC 2034 4), each ended by CRLF."""
        prefix = f"{self.enhanced} " if self.enhanced else ""
        last = len(self.lines) - 1
        return "".join(
            f"{self.code}{' ' if index == last else '-'}{prefix}{line}\r\n" for index, line in enumerate(self.lines)
        ).encode("utf-8")


def text_lines(text: str) -> tuple[str, ...]:
    """An operator's text as lines of a reply: ASCII, since a client that has not requested SMTPUTF8 must not get
    anything else (RFC 6531 3.7.4), and none too long.
    """
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("–", "-"))
        kept = (letter for letter in plain if not unicodedata.combining(letter))
        text = "".join(letter if letter.isascii() else "?" for letter in kept)
    return tuple(textwrap.wrap(text, _LONGEST_LINE)) or ("",)
