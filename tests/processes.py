"""Real processes for tests: started with a bound on everything, ended by their pid."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

from fopemta.testing.authority import Authority

ROOT = Path(__file__).resolve().parent.parent
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/lib/fopemta-peers"
_PORTS = itertools.count(20_000 + (os.getpid() * 37) % 8000)


def program(name: str) -> str:
    """The path of a program.  Without it the test is skipped, or fails where FOPEMTA_REQUIRE_PEERS is set."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        why = f"{name} is not installed"
        if os.environ.get("FOPEMTA_REQUIRE_PEERS"):
            raise AssertionError(why)
        raise SkipTest(why)
    return path


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nothing listens at now, below the range from which clients' ports are taken."""
    for port in _PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Ask again and again until `condition` gives something true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """A mail server greets there."""
    try:
        with socket.create_connection((address, port), 2) as connection:
            connection.settimeout(5)
            if connection.recv(100).startswith(b"220"):
                connection.sendall(b"QUIT\r\n")
                return True
    except OSError:
        pass
    return False


class Process:
    """A program with its output in a file; `stop` is safe to call twice."""

    def __init__(self, *command: str, output: Path, environment: dict[str, str] | None = None, cwd: Any = None) -> None:
        self.output = output
        env = {**os.environ, "PATH": _PATH, **(environment or {})}
        with open(output, "ab") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, cwd=cwd, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def text(self) -> str:
        return self.output.read_text("utf-8", "replace")

    def kill(self) -> None:
        """Kill -9, those that it has started with it, and nothing else."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self, seconds: float = 20.0) -> int:
        """Ask it to end, insist after `seconds`; gives its exit status."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait(10)


class Fopemta:
    """The server as an operator starts it, with a configuration of its own in a folder of its own.

    `settings` is appended to the configuration; `relay` lets loopback clients send anywhere; `control` is the path of
    the control socket, which must be short.
    """

    def __init__(
        self, folder: str | Path, settings: str = "", relay: bool = True, node: str = "", control: str = "off"
    ) -> None:
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.config = self.folder / "fopemta.toml"
        networks = '["127.0.0.0/8"]' if relay else "[]"
        self.config.write_text(
            f"""
[node]
hostname = "mx.us.test"
postmaster = "postmaster@us.test"
spool = "spool"
state = "state"
{node}
[[listener]]
endpoint = "tcp:{self.port}:interface=127.0.0.1"
[control]
socket = "{control}"
[relay]
networks = {networks}
[log]
text = "text.log"
json = "json.log"
[[route]]
domain = "us.test"
via = "maildir:mail/{{local_part}}"
{settings}
"""
        )
        self.process: Process | None = None

    def start(self) -> Fopemta:
        """Start it and wait until it greets."""
        twistd = str(Path(sys.executable).with_name("twistd"))
        environment = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""}
        self.process = Process(
            twistd, "-n", "--pidfile=", "fopemta", "--as-root", "--config", str(self.config),
            output=self.folder / "output", environment=environment, cwd=self.folder,
        )  # fmt: skip
        process = self.process
        until(lambda: not process.running or answers(self.port), "fopemta does not greet", 60)
        if not process.running:
            raise AssertionError(f"fopemta did not start:\n{process.text}")
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The JSON log's events of one name, whole lines only."""
        path = self.folder / "json.log"
        if not path.exists():
            return []
        lines = path.read_text("utf-8").split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def mailbox(self, user: str) -> list[bytes]:
        """The messages in a user's Maildir, as they lie there."""
        folder = self.folder / "mail" / user / "new"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []

    @property
    def resident(self) -> int:
        """Octets of memory in use."""
        assert self.process is not None
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Postfix:
    """A private Postfix that knows nothing of the system's: its own configuration, queue and port.

    `settings` of main.cf come on top.  Mail for peer.test is kept in `mail`.
    """

    def __init__(self, folder: str | Path, authority: Authority, **settings: str) -> None:
        self.postfix = program("postfix")
        # Postfix's own users must be able to come in: a folder outside trial's private one.
        self.folder = Path(tempfile.mkdtemp(prefix="fopemta-postfix-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        etc = self.folder / "etc"
        for each in ("etc", "data", "spool", "mail"):
            (self.folder / each).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self.folder / "mail").chmod(0o777)
        chain, key = authority.leaf("peer.test", "localhost").write(etc, "server")
        values = {
            "compatibility_level": "3.6", "queue_directory": f"{self.folder}/spool",
            "data_directory": f"{self.folder}/data", "myhostname": "peer.test", "mydestination": "peer.test",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "maillog_file": f"{self.folder}/log", "maillog_file_prefixes": str(self.folder), "alias_maps": "",
            "alias_database": "", "local_recipient_maps": "", "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native", "smtpd_peername_lookup": "no", "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": f"{key}, {chain}", "smtpd_tls_received_header": "yes",
            "smtp_tls_security_level": "may", "smtp_tls_loglevel": "1", "smtpd_tls_loglevel": "1",
            "virtual_mailbox_domains": "", "virtual_mailbox_base": f"{self.folder}/mail",
            "smtpd_relay_restrictions": "permit_mynetworks,reject", "mailbox_transport": "virtual:",
            "virtual_mailbox_maps": "static:all/", "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534", "virtual_minimum_uid": "100", "biff": "no", **settings,
        }  # fmt: skip
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        (etc / "master.cf").write_text(POSTFIX_MASTER.format(endpoint=f"127.0.0.1:{self.port}"))
        self.etc = etc

    def run(self, *arguments: str) -> None:
        subprocess.run(
            [self.postfix, "-c", str(self.etc), *arguments], check=True, capture_output=True, timeout=60,
            env={**os.environ, "PATH": _PATH},
        )  # fmt: skip

    def start(self) -> Postfix:
        self.run("start")
        until(lambda: answers(self.port), f"Postfix does not greet: {self.log}")
        return self

    def stop(self) -> None:
        self.run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def queue_run(self) -> None:
        self.run("flush")

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def mailbox(self) -> list[bytes]:
        """What was delivered, newest last."""
        folder = self.folder / "mail" / "all" / "new"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []


# Services of a whole Postfix that knows nothing of the system's, listening at `endpoint`.
POSTFIX_MASTER = """
{endpoint} inet n - n - - smtpd
pickup  unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr    unix n - n 300 1 qmgr
tlsmgr  unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
verify  unix - - n - 1 verify
flush   unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp    unix - - n - - smtp
relay   unix - - n - - smtp
showq   unix n - n - - showq
error   unix - - n - - error
retry   unix - - n - - error
discard unix - - n - - discard
local   unix - n n - - local
virtual unix - n n - - virtual
anvil   unix - - n - 1 anvil
scache  unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def temporary_authority(folder: Path) -> tuple[Authority, str]:
    """A test authority and the path of its root."""
    authority = Authority()
    folder.mkdir(parents=True, exist_ok=True)
    return authority, authority.write_root(folder)


def received_lines(message: bytes) -> Iterator[str]:
    """The Received headers of a message, unfolded, newest first."""
    from email import message_from_bytes

    for value in message_from_bytes(message).get_all("Received", []):
        yield " ".join(str(value).split())
