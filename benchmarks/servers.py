"""The servers that are measured, each with its own defaults and durable intake."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import tree
from benchmarks.ground import Ground
from tests.processes import POSTFIX_MASTER

ROOT = Path(__file__).resolve().parent.parent
SINK = 2599
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Server:
    """One server; `start` for a mode: "hold" keeps what comes in, "relay" passes everything to the sink."""

    name = "?"
    port = 0
    # The kinds of work that it can do; without any, all.
    works: tuple[str, ...] = ()
    # So many seconds it may take to greet.
    patience = 30.0
    # Where the program is that is started.
    root = ROOT

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.process: subprocess.Popen[bytes] | None = None
        # Recipients' domains dN.example.test, each with an address of its own where the sink listens; 0: one for all.
        self.destinations = 0
        # The port where the sink listens.
        self.sink = SINK
        self.folder = Path()
        self._command: list[str] = []
        self._silent: socket.socket | None = None

    @classmethod
    def installed(cls) -> bool:
        return True

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, mode: str, tls: bool = False) -> None:
        """Begin with an empty spool; RuntimeError when it does not greet."""
        if self._greets():
            raise RuntimeError(f"another server is at port {self.port} already, and would be measured instead")
        self.folder = self.ground.fresh(self.name)
        self._command = self.command(self.folder, mode, tls)
        self.launch()

    def launch(self) -> None:
        """Begin, or begin again with what lies in the spool; RuntimeError when it does not greet."""
        environment = {**os.environ, "PATH": _PATH, "PYTHONPATH": str(self.root)}
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=self.folder
            )
        end = time.monotonic() + self.patience
        while not self._greets():
            if time.monotonic() > end or (self.process.poll() is not None):
                raise RuntimeError(f"{self.name} does not start: {(self.folder / 'output').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            started = tree.members(self.pid)
            for pid in started:
                _signal(pid, signal.SIGTERM)
            end = time.monotonic() + 15
            while self._alive(started) and time.monotonic() < end:
                self.process.poll()
                time.sleep(0.1)
            for pid in self._alive(started):
                _signal(pid, signal.SIGKILL)
            self.process.wait()
        if self._silent is not None:
            self._silent.close()

    def _alive(self, pids: list[int]) -> list[int]:
        """Those still there, the ended ones that nobody has waited for left out."""
        return [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]

    def silent_port(self) -> int:
        """A port where connections are taken and nobody ever says a word."""
        self._silent = socket.create_server(("127.0.0.1", 0), backlog=512)
        return int(self._silent.getsockname()[1])

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(5)
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False


def sink_address(number: int) -> str:
    """Where the sink takes mail for dNUMBER.example.test."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Fopemta(Server):
    """Ours.  "hold": every way leads to a server that never greets, so a few connections wait and all else lies."""

    name, port = "fopemta", 2620
    control = "off"
    workers = 1

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        onwards = self.sink if mode == "relay" else self.silent_port()
        certificates = f'[{{ chain = "{self.ground.chain}", key = "{self.ground.key}" }}]'
        routes = "".join(
            f'[[route]]\ndomain = "d{each}.example.test"\nvia = "smtp:{sink_address(each)}:{onwards}"\n'
            for each in range(self.destinations)
        )
        (folder / "fopemta.toml").write_text(f"""
[node]
hostname = "bench.test"
postmaster = "postmaster@bench.test"
spool = "spool"
state = "state"
[[listener]]
endpoint = "tcp:{self.port}:interface=127.0.0.1"
[tls.server]
certificates = {certificates}
[relay]
networks = ["127.0.0.0/8"]
[control]
socket = "{self.control}"
[workers]
count = {self.workers}
[log]
text = "text.log"
[[route]]
domain = "bench.test"
via = "maildir:mail/{{local_part}}"
[[route]]
domain = "*"
via = "smtp:127.0.0.1:{onwards}"
{routes}{self.settings()}""")
        twistd = str(Path(sys.executable).with_name("twistd"))
        return [twistd, "-n", "--pidfile=", "fopemta", "--config", str(folder / "fopemta.toml")]

    def settings(self) -> str:
        """What a measurement sets besides; tables of their own."""
        return ""


class FopemtaOfTwo(Fopemta):
    """With two workers and their supervisor."""

    name, port = "fopemta-2", 2625
    workers = 2


class Postfix(Server):
    """Debian's, with its own defaults, from a private configuration; limits on clients off, logs by postlogd."""

    name, port = "postfix", 2601

    @classmethod
    def installed(cls) -> bool:
        return shutil.which("postfix", path=_PATH) is not None and os.geteuid() == 0

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        etc = folder / "etc"
        for each in ("etc", "data", "spool"):
            (folder / each).mkdir()
        os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        values = {
            "compatibility_level": "3.6", "queue_directory": f"{folder}/spool", "data_directory": f"{folder}/data",
            "myhostname": "bench.test", "mydestination": "", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8", "maillog_file": f"{folder}/log", "maillog_file_prefixes": str(folder),
            "alias_maps": "", "alias_database": "", "smtpd_client_connection_count_limit": "0",
            "smtpd_client_connection_rate_limit": "0", "biff": "no", "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native", "local_recipient_maps": "", "smtpd_peername_lookup": "no",
            "smtp_tls_security_level": "may", "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": f"{self.ground.key}, {self.ground.chain}", "message_size_limit": "150000000",
        }  # fmt: skip
        if self.destinations:
            lines = [
                f"d{each}.example.test smtp:[{sink_address(each)}]:{self.sink}\n" for each in range(self.destinations)
            ]
            (etc / "transport").write_text("".join(lines))
            values["transport_maps"] = f"texthash:{etc}/transport"
        if mode == "relay":
            values["relayhost"] = f"[127.0.0.1]:{self.sink}"
        else:
            values["smtpd_client_restrictions"] = "check_client_access static:HOLD"
        values |= self.settings(folder)
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        (etc / "master.cf").write_text(POSTFIX_MASTER.format(endpoint=self.port))
        subprocess.run(
            ["postfix", "-c", str(etc), "check"], capture_output=True, check=False, env={**os.environ, "PATH": _PATH}
        )
        return ["postfix", "-c", str(etc), "start-fg"]

    def settings(self, folder: Path) -> dict[str, str]:
        """What a measurement sets besides, in main.cf."""
        return {}
