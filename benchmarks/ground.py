"""The ground that a measurement stands on: compiled tools, a certificate, and a file system that is fair to both."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Self

from fopemta.testing.authority import Authority

NATIVE = Path(__file__).resolve().parent / "native"


def processor() -> str:
    """What it is and how many there are, for every table."""
    cores = len(os.sched_getaffinity(0))
    for line in Path("/proc/cpuinfo").read_text().split("\n"):
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return f"{value.strip()}, {cores} cores"
    return f"{platform.machine()}, {cores} cores"


class Ground:
    """`folder` holds the tools; `spools` is where servers keep their mail; `words` says on what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spools = folder / "run"
        self.words = "the machine's own, NOT a fresh journalled one (no root): creating files may be distorted"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("smtpload", "tlssink", "delay"):
            self._compile(name)
        leaf = Authority().leaf("localhost", "bench.test")
        self.chain, self.key = (Path(path) for path in leaf.write(self.folder, "server"))
        self.key.chmod(0o644)  # Postfix reads it under its own name
        (self.folder / "both.pem").write_bytes(leaf.key_pem + leaf.chain_pem)
        self.spools.mkdir(exist_ok=True)
        if os.geteuid() == 0 and self._loop("up"):
            self.words = "a fresh journalled ext4 in a file"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop("down")

    def fresh(self, name: str) -> Path:
        """An empty folder for a server's files; those of the server before it make room."""
        for each in self.spools.iterdir():
            if each.name != "lost+found":
                shutil.rmtree(each, ignore_errors=True)
        folder = self.spools / name
        folder.mkdir(parents=True)
        os.sync()
        return folder

    def tool(self, name: str) -> str:
        return str(self.folder / name)

    def _compile(self, name: str) -> None:
        source, program = NATIVE / f"{name}.c", self.folder / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["cc", "-O2", "-o", str(program), str(source), "-lssl", "-lcrypto"], check=True)

    def _loop(self, verb: str) -> bool:
        environment = {**os.environ, "BENCH_DIR": str(self.folder), "BENCH_FS_MIB": "4096"}
        done = subprocess.run(
            ["bash", str(NATIVE / "loopfs.sh"), verb], env=environment, check=False, capture_output=True
        )
        return done.returncode == 0
