"""`fopemta demo`: the purpose of fopemta shown in a minute, on loopback, with nothing else installed.

A real fopemta process, a small name server and three receiving servers: good TLS, none, broken.  One message to each,
one to a domain that does not exist, one that requires TLS; then the result of each.
"""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from fopemta.cli.queue import queue

if TYPE_CHECKING:
    from fopemta.testing.peers import Peer

_WAIT = 45.0
_SENDER = "alice@us.test"


@attrs.frozen
class Case:
    """One message of the demo."""

    recipient: str
    what: str
    address: str | None = None


CASES = (
    Case("bob@good.test", "a server with good TLS, its certificate from a trusted authority", "127.0.0.11"),
    Case("bob@plain.test", "a server without TLS", "127.0.0.12"),
    Case("bob@broken.test", "a server that offers TLS and then speaks nonsense", "127.0.0.13"),
    Case("bob@strict.test", 'the server without TLS again, but its route says tls = "encrypt"', "127.0.0.12"),
    Case("bob@nowhere.test", "a domain that does not exist"),
)

_CONFIG = """
[node]
hostname = "mx.us.test"
postmaster = "postmaster@us.test"
spool = "spool"
state = "state"
[control]
socket = "control.sock"
[[listener]]
endpoint = "tcp:{port}:interface=127.0.0.1"
[relay]
networks = ["127.0.0.0/8"]
[tls.client]
roots = "root.pem"
[dns]
nameservers = ["127.0.0.1:{dns}"]
[delivery]
port = {delivery}
private = ["127.0.0.0/8"]
[log]
text = "text.log"
json = "json.log"
[[route]]
domain = "us.test"
via = "maildir:mail/{{local_part}}"
[[route]]
domain = "strict.test"
tls = "encrypt"
"""


@click.command()
def demo() -> None:
    """Send mail over good, missing and broken TLS, on loopback.

    Takes about a minute and needs nothing else installed.
    """
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    with tempfile.TemporaryDirectory(prefix="fopemta-demo-") as folder:
        stage = _Stage(Path(folder))

        def main(reactor: Any) -> Deferred[None]:
            return Deferred.fromCoroutine(stage.play(reactor))

        react(main, [])


class _Stage:
    """The demo's folder, servers and fopemta process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port("127.0.0.1")
        self.delivery = _free_port("127.0.0.11")
        self.peers: dict[str, Peer] = {}
        self.server: subprocess.Popen[bytes] | None = None
        self.client_version = ""

    async def play(self, reactor: Any) -> None:
        """Set up, send, wait, print, clean up."""
        from twisted.internet.threads import deferToThread

        dns = self.set_up(reactor)
        click.echo(_title("fopemta demo: five messages, and their results"))
        try:
            await deferToThread(self.start)
            await deferToThread(self.send)
            await deferToThread(_until, self.over, "the messages to come to an end")
            self.tell()
        finally:
            await deferToThread(self.stop)
            await dns.stop()

    def set_up(self, reactor: Any) -> Any:
        """Start the name server and the receiving servers in this process, and write fopemta's configuration."""
        from fopemta.testing.authority import Authority
        from fopemta.testing.dns import DnsServer, Zone
        from fopemta.testing.peers import Behaviour, Peer, StartTls
        from fopemta.tls.credentials import load
        from fopemta.tls.server import ServerTls
        from fopemta.trust.plan import CertificateFiles

        authority = Authority()
        authority.write_root(self.folder)
        files = authority.leaf("mx.good.test").write(self.folder, "good")
        good = ServerTls([load(CertificateFiles(*files))]).creator()
        self.peers = {
            "127.0.0.11": Peer(Behaviour(hostname="mx.good.test", creator=good)),
            "127.0.0.12": Peer(Behaviour(hostname="mx.plain.test", starttls=StartTls.NOT_OFFERED)),
            "127.0.0.13": Peer(Behaviour(hostname="mx.broken.test", starttls=StartTls.GARBAGE)),
        }
        for address, peer in self.peers.items():
            reactor.listenTCP(self.delivery, peer, interface=address)
        dns = DnsServer(Zone.of(_records()))
        text = _CONFIG.format(port=self.port, dns=dns.listen(reactor), delivery=self.delivery)
        (self.folder / "fopemta.toml").write_text(text)
        return dns

    def start(self) -> None:
        """Start fopemta as an operator would; returns when it greets."""
        twistd = str(Path(sys.executable).with_name("twistd"))
        command = [twistd, "-n", "--pidfile=", "fopemta", "--config", str(self.folder / "fopemta.toml")]
        with open(self.folder / "output", "wb") as output:
            self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603
        _until(lambda: _greets(self.port), "fopemta to greet")

    def send(self) -> None:
        """Send one message for each case, with the standard library's client, over STARTTLS."""
        context = ssl.create_default_context()
        # The demo's fopemta has a self-signed certificate.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", self.port, "client.us.test", timeout=20) as client:
            client.starttls(context=context)
            for case in CASES:
                text = f"From: {_SENDER}\r\nTo: {case.recipient}\r\nSubject: demo\r\n\r\nHello.\r\n"
                client.sendmail(_SENDER, [case.recipient], text)

    def over(self) -> bool:
        """Whether every message has its verdict, and the report is in the mailbox."""
        known = {event["recipient"] for event in self.verdicts()}
        return known >= {case.recipient for case in CASES} and bool(self.reports())

    def verdicts(self) -> list[dict[str, Any]]:
        """The verdict records in the JSON log."""
        path = self.folder / "json.log"
        lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == "attempt"]

    def reports(self) -> list[bytes]:
        """The reports to the sender."""
        return [path.read_bytes() for path in (self.folder / "mail" / "alice").glob("new/*")]

    def tell(self) -> None:
        """Print the result of each message, and the queue."""
        verdicts = {verdict["recipient"]: verdict for verdict in self.verdicts()}
        for number, case in enumerate(CASES, start=1):
            click.echo(f"\n{number}. To {case.recipient}: {case.what}")
            for label, text in self.facts(case, verdicts[case.recipient]):
                click.echo(_item(label, text))
        click.echo("\n" + _title("The queue: fopemta queue list"))
        queue.main(["list", "--config", str(self.folder / "fopemta.toml")], prog_name="fopemta", standalone_mode=False)
        click.echo("\n" + _title("The same as data: one verdict record, as in the JSON log"))
        click.echo(json.dumps({key: value for key, value in verdicts[CASES[2].recipient].items() if value}, indent=1))

    def facts(self, case: Case, verdict: dict[str, Any]) -> list[tuple[str, str]]:
        """The facts to print about one message."""
        facts = [("result", _result(verdict)), ("TLS", _tls(verdict))]
        taken = self.received(case)
        if taken:
            facts.append(("Received", taken))
        if verdict["result"] == "failed":
            report = message_from_bytes(self.reports()[0])
            facts.append(("report", f'"{report["Subject"]}", to {_SENDER}'))
        return facts

    def received(self, case: Case) -> str:
        """The Received line written by fopemta, as the receiver saw it."""
        peer = self.peers.get(case.address or "")
        if peer is None:
            return ""
        for message in peer.messages:
            if case.recipient in message.recipients:
                return " ".join(str(message_from_bytes(message.content)["Received"]).split())
        return ""

    def stop(self) -> None:
        """End the fopemta that we started."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(20)


def _records() -> list[str]:
    records = []
    for case in CASES:
        if case.address is not None:
            domain = case.recipient.partition("@")[2]
            records += [f"{domain} 60 MX 10 mx.{domain}", f"mx.{domain} 60 A {case.address}"]
    return records


def _result(verdict: dict[str, Any]) -> str:
    text = f"{verdict['result']}: {verdict['code']} {verdict['enhanced']} {verdict['text']}"
    return f"{text.removesuffix('.')}; next try {verdict['next_try'][:19]}Z" if verdict["next_try"] else text


def _tls(verdict: dict[str, Any]) -> str:
    if verdict["protocol"]:
        good = verdict["authenticated"]
        proof = f"authenticated as {verdict['host']}" if good else f"not proven ({verdict['diagnosis']})"
        return f"{verdict['protocol']} {verdict['cipher']} {verdict['bits']} bits, {verdict['group']}; {proof}"
    if verdict["host"] is None:
        return "no host was tried"
    if verdict["result"] == "delivered":
        why = f"after TLS had failed ({verdict['diagnosis']})" if verdict["downgraded"] else "TLS is not offered"
        return f"plain text, {why}"
    return f"{verdict['diagnosis']}; level demanded: {verdict['level']}, by the {verdict['sources'][0]}"


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}"


def _item(label: str, text: str) -> str:
    return textwrap.fill(text, 79, initial_indent=f"   {label + ':':<10}", subsequent_indent=" " * 13)


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"fopemta demo: waited {_WAIT:.0f} s in vain for {what}")
        time.sleep(0.1)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
