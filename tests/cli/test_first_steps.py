"""`fopemta first-steps`: what `make run` says."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.first_steps import lines
from fopemta.cli.main import main
from fopemta.config.load import load
from tests.config.test_load import SMALLEST

EXAMPLE = Path(__file__).resolve().parents[2] / "etc" / "fopemta.toml"


class FirstStepsTests(SynchronousTestCase):
    def test_example(self) -> None:
        said = "\n".join(lines(load(EXAMPLE.read_text(encoding="utf-8"), "/co/etc")))
        for part in (
            "listens at 127.0.0.1 port 2525 for other mail servers, TLS opportunistic",
            "listens at 127.0.0.1 port 2587 for mail programs, TLS required",
            "/co/var/spool",
            "smtplib.SMTP('127.0.0.1', 2525); s.starttls(); s.sendmail('alice@example.org', ['postmaster@localhost'], ",
            "/co/var/mail/postmaster/new/",
        ):
            self.assertIn(part, said)

    def test_command_is_python(self) -> None:
        """Between the quotes that a shell takes away stands a program."""
        said = "\n".join(lines(load(EXAMPLE.read_text(encoding="utf-8"), "/co/etc")))
        program = said.split('python3 -c "')[1].split('"\n')[0]
        compile(program, "first message", "exec")
        self.assertEqual(set(program) & set('"$`!'), set())

    def test_no_command_where_none_would_work(self) -> None:
        text = SMALLEST.replace('"tcp:25"', '"tcp:25"\ntls = "implicit"')
        self.assertNotIn("python3", "\n".join(lines(load(text, "/etc"))))

    def test_no_starttls_where_there_is_none(self) -> None:
        text = SMALLEST.replace('"tcp:25"', '"tcp:25"\ntls = "off"')
        said = "\n".join(lines(load(text, "/etc")))
        self.assertIn("SMTP('127.0.0.1', 25); s.sendmail(", said)

    def test_from_the_shell(self) -> None:
        done = CliRunner().invoke(main, ["first-steps", "--config", str(EXAMPLE)])
        self.assertEqual(done.exit_code, 0)
        self.assertIn("mail.localhost", done.output)
