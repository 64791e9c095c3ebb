"""Peers that only take mail in: aiosmtpd, and Exim, which sends by processes that leave it and cannot be counted."""

from __future__ import annotations

import importlib.util
import os
import pwd
import sys
from pathlib import Path

from benchmarks.servers import Server

_EXIM_PLACES = ("/usr/local/lib/fopemta-peers/exim4", "/usr/sbin/exim4")
_EXIM_USER = "Debian-exim"
_INTAKE = ("intake", "intake-many", "intake-tls", "large")


class Exim(Server):
    """Debian's; messages stay in its queue."""

    name, port, works = "exim", 2602, _INTAKE

    @classmethod
    def program(cls) -> str | None:
        return next((each for each in _EXIM_PLACES if os.path.exists(each)), None)

    @classmethod
    def installed(cls) -> bool:
        return cls.program() is not None and os.geteuid() == 0

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        user = pwd.getpwnam(_EXIM_USER)
        for each in ("spool", "log"):
            (folder / each).mkdir()
            os.chown(folder / each, user.pw_uid, user.pw_gid)
        certificates = f"tls_certificate = {self.ground.chain}\ntls_privatekey = {self.ground.key}\n" if tls else ""
        config = folder / "exim.conf"
        config.write_text(f"""
primary_hostname = bench.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
smtp_accept_max = 3000
smtp_connect_backlog = 512
smtp_accept_max_per_connection = 100000
message_size_limit = 150M
host_lookup =
helo_lookup_domains =
rfc1413_query_timeout = 0s
queue_only = true
tls_advertise_hosts = {"*" if tls else ""}
{certificates}acl_smtp_rcpt = ok
begin acl
ok:
  accept
begin routers
onwards:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
""")
        return [self.program() or "exim4", "-C", str(config), "-bdf"]


class Aiosmtpd(Server):
    """From PyPI (benchmarks/requirements.txt); messages go into a Maildir."""

    name, port, works = "aiosmtpd", 2603, _INTAKE

    @classmethod
    def installed(cls) -> bool:
        return importlib.util.find_spec("aiosmtpd") is not None

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        arguments = [str(self.port), str(folder / "mail"), str(self.ground.chain), str(self.ground.key)]
        return [sys.executable, "-m", "benchmarks.maildir_server", *arguments]
