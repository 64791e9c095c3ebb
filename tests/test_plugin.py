"""`twistd fopemta` after a normal install, in processes of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import venv
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 60.0

CONFIGURATION = """
[node]
hostname = "mail.localhost"
postmaster = "postmaster@localhost"
spool = "spool"
state = "state"
[control]
socket = "off"
[[listener]]
endpoint = "tcp:{port}:interface=127.0.0.1"
[[route]]
domain = "localhost"
via = "maildir:mail/{{local_part}}"
[limits]
spool_free = 1
message_size = "1MB"
"""

_installed: list[Path] = []


def installed() -> Path:
    """The scripts of a fresh environment in which the project was installed as `pip install .` does it, once for all
    tests here.  What it needs is that of this interpreter's environment, so that no network is needed.
    """
    if not _installed:
        folder = Path(os.path.abspath("plugin-environment"))
        shutil.rmtree(folder, ignore_errors=True)
        environment = folder / "environment"
        venv.create(environment, with_pip=False)
        _share_packages(Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)})))
        _copy_project(folder / "source")
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        _run([*pip, "--no-build-isolation", "--disable-pip-version-check", "."], folder / "source").check_returncode()
        twistd = environment / "bin" / "twistd"
        twistd.write_text(f"#!{environment}/bin/python\nfrom twisted.scripts.twistd import run\nrun()\n")
        twistd.chmod(0o755)
        _installed.append(environment / "bin")
    return _installed[0]


def _share_packages(site: Path) -> None:
    """All but fopemta, which may be installed beside them; Twisted as a copy, since the plugin is installed into it."""
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name == "twisted":
            shutil.copytree(
                entry, site / entry.name, ignore=shutil.ignore_patterns("fopemta*", "test", "__pycache__", "*.cache")
            )
        elif not entry.name.lower().startswith(("fopemta", "__")):
            (site / entry.name).symlink_to(entry)


def _copy_project(target: Path) -> None:
    for name in ("fopemta", "twisted"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.cache"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target)


def _environment() -> dict[str, str]:
    """No `-W error`: Twisted warns about its own plugins while the plugin cache is made."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FOPEMTA"))}


def _run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=_environment(), capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for it, not for ever."""
    end = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.05)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class PluginTests(SynchronousTestCase):
    """R C4: `twistd fopemta`."""

    def setUp(self) -> None:
        self.bin = installed()
        self.folder = Path(os.path.abspath(self.mktemp()))
        self.folder.mkdir(parents=True)
        self.taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.taken.close)
        self.port: int = self.taken.getsockname()[1]
        self.write(CONFIGURATION.format(port=self.port))

    def write(self, text: str) -> None:
        (self.folder / "fopemta.toml").write_text(text, encoding="utf-8")

    def twistd(self, *options: str) -> subprocess.CompletedProcess[str]:
        return _run([self.bin / "twistd", *options, "fopemta", "--as-root", "--config", "fopemta.toml"], self.folder)

    def log(self) -> str:
        path = self.folder / "twistd.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    # --- found -----------------------------------------------------------------------------------------------------

    def test_twistd_lists_it(self) -> None:
        done = _run([self.bin / "twistd", "--help"], self.folder)
        self.assertRegex(done.stdout, r"\n +fopemta +A mail transfer agent")
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_its_own_command_is_there(self) -> None:
        done = _run([self.bin / "fopemta", "check-config", "--config", "fopemta.toml"], self.folder)
        spool, state, verdict = done.stdout.splitlines()
        self.assertEqual((done.returncode, verdict), (0, f"{self.folder}/fopemta.toml: good"))
        self.assertEqual(
            (spool.split(), state.split()), (["spool", f"{self.folder}/spool"], ["state", f"{self.folder}/state"])
        )

    # --- does not start --------------------------------------------------------------------------------------------

    def test_bad_configuration_ends_it_before_it_forks(self) -> None:
        self.write("[node]\nhostname = 7\nspol = 1\n[limits]\nrecipients = 1\n")
        for options in ([], ["-n"]):
            done = self.twistd(*options)
            self.assertNotEqual(done.returncode, 0)
            for key in ("node.hostname:", "node.postmaster:", "node.spol:", "listener:", "limits.recipients:"):
                self.assertIn(f"  {key} ", done.stderr)
            self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["fopemta.toml"])

    def test_taken_port_is_an_error_in_the_foreground(self) -> None:
        done = self.twistd("-n")
        self.assertEqual(done.returncode, 1)
        self.assertIn('not_started why="listener[0].endpoint: Address already in use', done.stdout)
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_the_reason_is_seen_in_the_foreground_wherever_the_log_goes(self) -> None:
        self.write(CONFIGURATION.format(port=self.port) + '[log]\ntext = "text.log"\n')
        done = self.twistd("-n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("fopemta: not started: listener[0].endpoint: Address already in use", done.stderr)
        self.assertIn("not_started", (self.folder / "text.log").read_text(encoding="utf-8"))

    def test_taken_port_is_an_error_for_a_daemon(self) -> None:
        done = self.twistd()
        self.assertEqual(done.returncode, 1)
        self.assertIn("listener[0].endpoint: Address already in use", done.stderr)
        until(lambda: "not_started" in self.log(), "the reason in the log")
        until(lambda: not (self.folder / "twistd.pid").exists(), "the end of the daemon")

    # --- starts ----------------------------------------------------------------------------------------------------

    def test_daemon_runs_and_stops(self) -> None:
        self.taken.close()
        done = self.twistd()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        pid = int((self.folder / "twistd.pid").read_text())
        try:
            until(lambda: _accepts(self.port), "a greeting")
            os.kill(pid, signal.SIGTERM)
            until(lambda: not _alive(pid), "the end of the daemon")
        finally:
            if _alive(pid):
                os.kill(pid, signal.SIGKILL)
        # A certificate is made for each kind of key.
        self.assertEqual(self.log().count(" certificate_made"), 2)
        for event in ("recovered", "listening", "started", "stopping", "stopped"):
            self.assertEqual(self.log().count(f" {event}"), 1, event)

    def test_in_the_foreground_each_line_is_on_stdout_once(self) -> None:
        self.taken.close()
        command = [self.bin / "twistd", "-n", "fopemta", "--as-root", "--config", "fopemta.toml"]
        output = self.folder / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                list(map(str, command)), cwd=self.folder, env=_environment(), stdout=file, stderr=file
            )
        try:
            until(lambda: _accepts(self.port), "a greeting")
            process.send_signal(signal.SIGHUP)
            until(lambda: " reloaded " in output.read_text(), "the reload")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        finally:
            process.kill()
            process.wait()
        lines = output.read_text().splitlines()
        events = [line.split()[2] for line in lines if "[twisted" not in line]
        # deferred/ is read while clients come in, so that this comes when it comes.
        self.assertEqual(events.count("recovered"), 1, lines)
        events.remove("recovered")
        life = ["listening", "started", "reloaded", "stopping", "stopped"]
        self.assertEqual(events, ["warning:", "warning:", *life], lines)
        self.assertEqual(len(lines), len(set(lines)))
