"""What a person types, and what is told of a file that cannot be read."""

from __future__ import annotations

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from fopemta.testing.authority import Authority
from tests.config.test_load import SMALLEST
from tests.server.test_preflight import Folder


class ComfortTests(Folder):
    def run_command(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    def test_the_configuration_before_the_command_or_behind_it(self) -> None:
        path = self.write()
        for words in (
            ("--config", path, "check-config"), ("check-config", "--config", path),
            # What stands nearer counts.
            ("--config", "/nowhere.toml", "check-config", "--config", path),
        ):  # fmt: skip
            done = self.run_command(*words)
            self.assertEqual(done.exit_code, 0, (words, done.output))
        self.assertEqual(self.run_command("--config", "/nowhere.toml", "queue", "list").exit_code, 2)

    def test_help(self) -> None:
        for words, start in (
            (("help",), "Usage: main [OPTIONS] COMMAND"), (("help", "queue"), "Usage: main queue [OPTIONS] COMMAND"),
            (("help", "queue", "list"), "Usage: main queue list [OPTIONS]"),
        ):  # fmt: skip
            done = self.run_command(*words)
            self.assertEqual((done.exit_code, done.output[: len(start)]), (0, start))

    def test_a_file_that_is_no_toml_is_named_with_line_and_excerpt(self) -> None:
        path = self.write(text="[node]\nhostname = mx.test\n")
        done = self.run_command("--config", path, "queue", "list")
        self.assertEqual(done.exit_code, 2)
        self.assertEqual(
            done.stderr, f"fopemta: {path}: not TOML: line 2, column 12: Invalid value: hostname = mx.test\n"
        )

    def test_a_byte_order_mark_is_no_fault(self) -> None:
        self.write(text="\ufeff" + SMALLEST)
        self.assertEqual(self.run_command("check-config", "--config", str(self.path)).exit_code, 0)

    def test_how_an_ipv6_address_is_written_in_an_endpoint(self) -> None:
        text = SMALLEST.replace("[[route]]", '[[listener]]\nendpoint = "tcp6:2526:interface=::1"\n[[route]]', 1)
        done = self.run_command("check-config", "--config", self.write(text=text))
        self.assertEqual(done.exit_code, 2)
        self.assertIn("in single quotes: 'tcp6:2526:interface=\\:\\:1'", done.output)

    def test_a_private_key_that_others_may_read(self) -> None:
        leaf = Authority().leaf("mx.us.test")
        etc = self.path.parent
        (etc / "chain.pem").write_bytes(leaf.chain_pem)
        (etc / "key.pem").write_bytes(leaf.key_pem)
        path = self.write('[tls.server]\ncertificates = [{ chain = "chain.pem", key = "key.pem" }]\n')
        for mode, told in ((0o600, False), (0o640, False), (0o644, True), (0o660, True)):
            (etc / "key.pem").chmod(mode)
            done = self.run_command("check-config", "--config", path)
            self.assertEqual(done.exit_code, 0, done.output)
            self.assertEqual(
                f"others may read or change this private key (mode {mode:o})" in done.output, told, oct(mode)
            )
