"""`fopemta headers`: the path of a message, and whether it was encrypted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from fopemta.cli.configuration import json_option
from fopemta.cli.table import age, escaped
from fopemta.mail.received_chain import Encrypted, Hop
from fopemta.mail.received_reading import Conclusion, TraceReading

_MARKS = {Encrypted.YES: "green", Encrypted.NO: "red", Encrypted.UNKNOWN: "yellow", Encrypted.LOCAL: None}
_MOST_READ = 1 << 20


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--trusted", multiple=True, metavar="NAME", help='A server whose headers you trust; "*.example.org".')
@json_option
def headers(file: Any, trusted: tuple[str, ...], as_json: bool) -> None:
    """Read a message's Received headers.

    From FILE, or - for standard input; oldest hop first: whether each hop was encrypted and how, and how long it took.

    Each header was written by the server that took the message; headers below those of servers that you trust may be
    forged.  Status 0 if every hop across a network was encrypted, 1 if one was not or does not say, 2 if the file
    cannot be read.
    """
    from email.parser import BytesHeaderParser
    from email.policy import compat32

    from fopemta.mail.received_chain import read_chain
    from fopemta.mail.received_reading import reading_of

    data = file.read(_MOST_READ + 1)
    if len(data) > _MOST_READ and not any(end in data for end in (b"\n\n", b"\r\n\r\n")):
        click.echo(f"the header section is larger than {_MOST_READ} octets", err=True)
        sys.exit(2)
    message = BytesHeaderParser(policy=compat32).parsebytes(data)
    received = [str(each) for each in message.get_all("Received", [])]
    reading = reading_of(read_chain(received), trusted)
    if as_json:
        click.echo(json.dumps(_json(reading)))
    else:
        for line in _lines(reading):
            click.echo(line)
    sys.exit(0 if reading.conclusion is Conclusion.ENCRYPTED else 1)


def _lines(reading: TraceReading) -> Iterator[str]:
    count = len(reading.hops)
    for number, (hop, took) in enumerate(zip(reading.hops, reading.took, strict=True), start=1):
        if number == count - reading.trusted + 1 and number > 1:
            yield "-- below: written by servers that you trust; headers above may be forged"
        word = click.style(f"{_WORDS[hop.encrypted]:<10}", fg=_MARKS[hop.encrypted], bold=True)
        yield f"{number:>2}  {word} {escaped(hop.sender or '?')} → {escaped(hop.receiver or '?')}"
        for detail in _details(hop, took):
            yield f"               {detail}"
    yield ""
    good = reading.conclusion is Conclusion.ENCRYPTED
    yield click.style(reading.conclusion.value.capitalize() + ".", fg="green" if good else "yellow", bold=True)


_WORDS = {
    Encrypted.YES: "encrypted",
    Encrypted.NO: "plain",
    Encrypted.UNKNOWN: "not said",
    Encrypted.LOCAL: "local",
}


def _details(hop: Hop, took: float | None) -> Iterator[str]:
    words = [escaped(each) for each in (hop.version, hop.cipher) if each]
    if hop.bits is not None:
        words.append(f"{hop.bits} bits")
    if hop.verified is not None:
        words.append("certificate verified" if hop.verified else "certificate not verified")
    if hop.encrypted is Encrypted.YES and not words:
        words.append(f'only the word "{escaped(hop.protocol)}" says so')
    if words:
        yield ", ".join(words)
    if hop.weak is not None:
        yield click.style(escaped(hop.weak), fg="red")
    if took is not None:
        yield f"after {age(took)}" if took >= 0 else f"{age(-took)} before it was sent: one of the two clocks is wrong"


def _json(reading: TraceReading) -> dict[str, Any]:
    """`conclusion hops[]`, oldest first; a hop has `sender receiver protocol encrypted version cipher bits verified
    weak time took trusted`.
    """
    from fopemta.trust.verdict import rfc3339

    first_trusted = len(reading.hops) - reading.trusted
    return {
        "conclusion": reading.conclusion.name.lower(),
        "hops": [
            {
                "sender": hop.sender,
                "receiver": hop.receiver,
                "protocol": hop.protocol,
                "encrypted": hop.encrypted.value,
                "version": hop.version,
                "cipher": hop.cipher,
                "bits": hop.bits,
                "verified": hop.verified,
                "weak": hop.weak,
                "time": None if hop.time is None else rfc3339(hop.time),
                "took": took,
                "trusted": number >= first_trusted,
            }
            for number, (hop, took) in enumerate(zip(reading.hops, reading.took, strict=True))
        ],
    }
