"""An SMTP reply: code, enhanced code and text that a peer may see (pure).

RFC 5321 4.2, RFC 2034, RFC 3463.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Reply:
    """`code` 200-599, `enhanced` such as "5.7.1" or None where a reply has none (greeting, EHLO, 3yz, STARTTLS),
    `lines` the text, one entry a line, without CRLF.  Never holds exception text, rule names or paths.
    """

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, enhanced: str | None, *lines: str) -> Reply:
        """A reply with the text lines as arguments."""
        return cls(code, enhanced, lines or ("",))

    @property
    def positive(self) -> bool:
        """2yz or 3yz."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """4yz: try again later."""
        return 400 <= self.code < 500

    @property
    def text(self) -> str:
        """The text in one line, as logs and reports show it, without codes."""
        return " ".join(line for line in self.lines if line)

    def render(self) -> bytes:
        """The wire form: every line with the code, the enhanced code on each (RFC 2034 4), CRLF-ended."""
        prefix = f"{self.enhanced} " if self.enhanced else ""
        last = len(self.lines) - 1
        return "".join(
            f"{self.code}{' ' if index == last else '-'}{prefix}{line}\r\n" for index, line in enumerate(self.lines)
        ).encode("utf-8")
