"""The container of a report (pure): headers, and parts between boundaries (RFC 2046 5.1, RFC 6522 3).

Not by `email.generator`: the original must be returned exactly as it came.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

import attrs

from fopemta.mail import lines

_PREAMBLE = b"This is a report in MIME format.\r\n\r\n"


@attrs.frozen
class Part:
    """One part; `body` is in wire form, encoded by `encoding`."""

    content_type: str
    encoding: str
    description: str
    body: bytes

    @classmethod
    def as_it_is(cls, content_type: str, description: str, body: bytes) -> Part:
        """For a path with 8BITMIME; quoted-printable only if a line is too long."""
        if not lines.are_short(body):
            return cls._quoted(content_type, description, body)
        return cls(content_type, "7bit" if body.isascii() else "8bit", description, body)

    @classmethod
    def in_ascii(cls, content_type: str, description: str, body: bytes) -> Part:
        """For any path: quoted-printable if needed.  Lines end with CRLF."""
        if body.isascii():
            return cls.as_it_is(content_type, description, body)
        return cls._quoted(content_type, description, body)

    @classmethod
    def _quoted(cls, content_type: str, description: str, body: bytes) -> Part:
        """RFC 2045 6.7."""
        coded = lines.CRLF.join(map(_quoted, body.split(lines.CRLF)))
        return cls(content_type, "quoted-printable", description, coded)

    def rendered(self) -> bytes:
        """Headers and body, without the line end that belongs to the boundary."""
        return (
            header("Content-Type", self.content_type)
            + header("Content-Transfer-Encoding", self.encoding)
            + header("Content-Description", self.description)
            + b"\r\n"
            + self.body
        )


def _quoted(line: bytes) -> bytes:
    """Encode a line, without its CRLF.  CR and LF within it are encoded, too; soft line breaks end with LF alone at
    first.
    """
    return binascii.b2a_qp(line, istext=False).replace(b"\n", lines.CRLF)


def header(name: str, value: str) -> bytes:
    """A header with its CRLF; `value` has no line ends except those of folding."""
    return f"{name}: {value}\r\n".encode()


def multipart(headers: Sequence[bytes], parts: Sequence[Part], seed: str) -> bytes:
    """The complete report; `seed` is ASCII text that makes the boundary unique."""
    boundary = _boundary(seed, parts)
    content_type = header("Content-Type", f'multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"')
    # RFC 2045 6.4: a container declares the widest encoding of its parts.
    encoding = header("Content-Transfer-Encoding", "8bit" if any(each.encoding == "8bit" for each in parts) else "7bit")
    line = f"--{boundary}".encode("ascii")
    body = b"".join(line + b"\r\n" + part.rendered() + b"\r\n" for part in parts)
    return b"".join(headers) + content_type + encoding + b"\r\n" + _PREAMBLE + body + line + b"--\r\n"


def _boundary(seed: str, parts: Sequence[Part]) -> str:
    """A boundary that does not occur in any part."""
    number = 0
    while any(f"{seed}-{number}".encode("ascii") in part.body for part in parts):
        number += 1
    return f"{seed}-{number}"
