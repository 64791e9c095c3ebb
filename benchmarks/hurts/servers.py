"""The two servers, at ports that are free, and what an operator does to them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.servers import ROOT, Fopemta, Postfix, Server
from tests.processes import free_port

MAILBOXES = "bench.test"


class Tried(Server):
    """A server in a situation."""

    patience = 120.0

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.port, self.sink = free_port(), free_port()
        # First wait before a retry and the longest, in seconds; None: the server's own.
        self.retry: tuple[int, int] | None = None
        # So many mailboxes, rN@bench.test, are its own.
        self.mailboxes = 0

    def flush(self) -> None:
        """Have all that waits tried at once; RuntimeError with what the command says when it fails."""
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            self.flushing(), check=False, capture_output=True, text=True, timeout=240, env=environment
        )
        # What has left since it was listed is no fault, and told as one.
        if done.returncode and "tried now" not in done.stdout:
            raise RuntimeError(f"flush: {done.stdout[-500:]}{done.stderr[-500:]}")

    def flushing(self) -> list[str]:
        """The command for it."""
        raise NotImplementedError

    def delivered(self) -> int:
        """How many messages lie in its mailboxes."""
        return sum(len(os.listdir(each)) for each in (self.folder / "mail").glob("*/new"))


class Ours(Tried, Fopemta):
    """fopemta."""

    control = "control.sock"

    def settings(self) -> str:
        return "" if self.retry is None else f'[retry]\nfirst = "{self.retry[0]}s"\nlongest = "{self.retry[1]}s"\n'

    def flushing(self) -> list[str]:
        config = str(self.folder / "fopemta.toml")
        return [str(Path(sys.executable).with_name("fopemta")), "queue", "retry", "--all", "--config", config]


class Theirs(Tried, Postfix):
    """Postfix, with mailboxes by its virtual(8)."""

    def settings(self, folder: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.retry is not None:
            first, longest = (f"{seconds}s" for seconds in self.retry)
            # By itself it looks only every five minutes for what is due.
            found |= {"minimal_backoff_time": first, "maximal_backoff_time": longest, "queue_run_delay": "5s"}
        if self.mailboxes:
            (folder / "mail").mkdir()
            (folder / "mail").chmod(0o777)
            lines = [f"r{each}@{MAILBOXES} r{each}/\n" for each in range(self.mailboxes)]
            (folder / "etc" / "mailboxes").write_text("".join(lines))
            found |= {
                "virtual_mailbox_domains": MAILBOXES, "virtual_mailbox_base": f"{folder}/mail",
                "virtual_mailbox_maps": f"texthash:{folder}/etc/mailboxes", "virtual_uid_maps": "static:65534",
                "virtual_gid_maps": "static:65534", "virtual_minimum_uid": "100", "virtual_mailbox_limit": "0",
            }  # fmt: skip
        return found

    def flushing(self) -> list[str]:
        return ["postfix", "-c", str(self.folder / "etc"), "flush"]
