"""`fopemta queue`: the spool as people and programs see it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import attrs
from click.testing import CliRunner, Result
from twisted.internet.task import Clock

from fopemta.address.mailbox import Mailbox
from fopemta.cli import queue_orders
from fopemta.cli.main import main
from fopemta.cli.queue_filter import Filter
from fopemta.cli.queue_list import write_table
from fopemta.cli.queue_source import queue_source
from fopemta.cli.queue_views import _verdict_lines
from fopemta.mail.envelope import Envelope
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import CertificateFacts, Tested, VerdictRecord, rfc3339
from fopemta.trust.verdict import Result as Outcome
from tests.server.test_log_observers import ENVELOPE, VERDICT
from tests.server.test_preflight import Folder

FIRST = "0vyKfVczdK5G1f"
SECOND = "0vyKfVczdK5G2g"


class QueueTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.write()
        self.now = time.time()

    def run_queue(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["queue", *arguments, "--config", str(self.path)])

    def fill(self) -> VerdictRecord:
        """One message that was deferred for one of two recipients, and one that nobody has tried yet."""
        (self.folder / "var").mkdir()
        clock = Clock()
        clock.advance(self.now - 3700)
        spool = Spool(
            str(self.folder / "var" / "spool"), SpoolLimits(spool_free=0, message_size=0), clock, SameThread()
        )
        self.successResultOf(spool.start())
        envelope = attrs.evolve(ENVELOPE, recipients=(*ENVELOPE.recipients, Mailbox("carol", "example.net")))
        deferred = attrs.evolve(
            VERDICT, message=FIRST, time=self.now - 60, result=Outcome.DEFERRED, code=451, enhanced="4.7.5",
            authenticated=False, diagnosis="untrusted_root", level="authenticated", sources=("route",),
            text="not proven\x1b[2J", next_try=self.now + 600.5, rules=("bank",), tls_since=self.now - 60,
            tls_deadline=self.now + 86340, overridden="by telephone", tested=(Tested("strict", False, "cert_expired"),),
            chain=(CertificateFacts("CN=evil\nCN=good", "CN=ca", "1f", "2027-01-01T00:00:00.000Z", "ab" * 32),),
        )  # fmt: skip
        delivered = attrs.evolve(VERDICT, message=FIRST, recipient="carol@example.net")
        waiting = spool.submit(FIRST, envelope, b"Subject: one\r\n\r\n" + b"x" * 4000)
        clock.advance(2)
        self.successResultOf(waiting)
        written = spool.record(FIRST, [deferred, delivered], finished=False)
        clock.advance(2)
        self.successResultOf(written)
        waiting = spool.submit(SECOND, Envelope(None, (Mailbox("dave", "example.net"),)), b"Subject: two\r\n\r\n")
        clock.advance(2)
        self.successResultOf(waiting)
        stopped = spool.stop()
        clock.advance(2)
        self.successResultOf(stopped)
        return deferred

    def test_list_for_people(self) -> None:
        self.fill()
        done = self.run_queue("list")
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(
            lines,
            [
                ["ID", "AGE", "SIZE", "SENDER", "RECIPIENT", "STATE", "NEXT", "TRY", "LAST", "ANSWER"],
                [FIRST, "1h", "1m", "4.0", "kB", "<alice@example.org>", "<bob@example.net>", "queued", "in", "10m",
                 "untrusted_root:", "451", "4.7.5", "not", r"proven\x1b[2J"],
                ["<carol@example.net>", "delivered", "-", "250", "2.0.0", "queued", "as", '"7"'],
                [SECOND, "1h", "1m", "16", "B", "<>", "<dave@example.net>", "queued", "now", "-"],
                ["2", "messages,", "2", "recipients", "waiting"],
            ],
        )  # fmt: skip

    def test_list_on_a_narrow_terminal(self) -> None:
        self.fill()
        written: dict[int | None, str] = {}
        for width in (None, 124, 123, 80):
            parts: list[str] = []
            with queue_source(str(self.path)) as source:
                write_table(source, Filter(), parts.append, width)
            written[width] = "".join(parts)
        self.assertEqual(written[None], written[124])
        self.assertEqual(written[123], written[80])
        self.assertEqual(
            written[80].splitlines(),
            [
                "ID  AGE  SIZE  SENDER",
                "  RECIPIENT  STATE  NEXT TRY",
                "    LAST ANSWER",
                f"{FIRST}  1h 1m  4.0 kB  <alice@example.org>",
                "  <bob@example.net>  queued  in 10m",
                r"    untrusted_root: 451 4.7.5 not proven\x1b[2J",
                "  <carol@example.net>  delivered  -",
                '    250 2.0.0 queued as "7"',
                f"{SECOND}  1h 1m  16 B  <>",
                "  <dave@example.net>  queued  now",
                "    -",
            ],
        )

    def test_filters_that_can_fit_nothing_are_told_of(self) -> None:
        self.fill()
        done = self.run_queue("list", "--diagnosis", "Untrusted-root")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("there is no 'Untrusted-root'; there is untrusted_root", done.stderr)
        for filters, fitting in (
            (("--diagnosis", "untrusted_root"), "1 message"),
            (("--domain", "EXAMPLE.net"), "2 messages"),
            (("--domain", "exämple.net"), "No message in the queue matches."),
        ):
            self.assertIn(fitting, self.run_queue("list", *filters).stdout)
        for option, text in (
            ("--domain", ".net"), ("--domain", "bob@example.net"), ("--domain", "/net/"), ("--recipient", "b b"),
            ("--sender", "a@"),
        ):  # fmt: skip
            self.assertEqual(self.run_queue("list", option, text).exit_code, 2, text)

    def test_filters_are_written_as_rules_are(self) -> None:
        self.fill()
        for filters, fitting in (
            (("--domain", "@NET"), "2 messages"),
            (("--domain", "net"), "No message"),
            (("--domain", "*.net"), "2 messages"),
            (("--domain", "example.net."), "2 messages"),
            (("--domain", "ex*.net"), "2 messages"),
            (("--recipient", '"bob"@Example.net'), "1 message,"),
            (("--recipient", "<bob@example.net>"), "1 message,"),
            (("--recipient", "d*@example.net"), "1 message,"),
            (("--recipient", "/^dave@/"), "1 message,"),
            (("--recipient", "example.net"), "2 messages"),
            (("--sender", ""), "1 message,"),
            (("--sender", "<>"), "1 message,"),
            (("--sender", "@example.org"), "1 message,"),
            (("--sender", "alice@example.net"), "No message"),
        ):
            self.assertIn(fitting, self.run_queue("list", *filters).stdout, filters)

    def test_list_for_programs(self) -> None:
        """The names are a contract."""
        deferred = self.fill()
        done = self.run_queue("list", "--json")
        self.assertEqual(done.exit_code, 0)
        first, second = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(list(first), ["id", "arrived", "size", "sender", "recipients"])
        self.assertEqual((first["id"], first["sender"], first["size"]), (FIRST, "alice@example.org", 4016))
        self.assertEqual(second["sender"], "")
        bob, carol = first["recipients"]
        self.assertEqual(
            bob,
            {
                "address": "bob@example.net", "state": "queued", "attempts": 1, "next_try": rfc3339(self.now + 600.5),
                "tls_deadline": rfc3339(self.now + 86340), "level": "authenticated", "rules": ["bank"],
                "last": bob["last"],
            },
        )  # fmt: skip
        self.assertEqual(list(bob["last"]), list(deferred.to_json()))
        self.assertEqual(bob["last"]["diagnosis"], "untrusted_root")
        self.assertEqual((carol["state"], carol["next_try"]), ("delivered", None))
        self.assertEqual(
            second["recipients"],
            [
                {
                    "address": "dave@example.net", "state": "queued", "attempts": 0, "next_try": None,
                    "tls_deadline": None, "level": None, "rules": [], "last": None,
                }
            ],
        )  # fmt: skip

    def test_show_explains(self) -> None:
        self.fill()
        done = self.run_queue("show", FIRST)
        self.assertEqual(done.exit_code, 0)
        for part in (
            "sender    <alice@example.org>",
            "from      192.0.2.7 (client.example.org) by ESMTPS, TLSv1.3 TLS_AES_256_GCM_SHA384 (256 bits)",
            r"answer      451 4.7.5 not proven\x1b[2J",
            "diagnosis   untrusted_root",
            f"cause       {explain(Diagnosis.UNTRUSTED_ROOT).cause}",
            f"remedy      {explain(Diagnosis.UNTRUSTED_ROOT).remedy}",
            "host        mx1.example.net [192.0.2.1]:25",
            "TLS wanted  authenticated (route)",
            "rules       bank",
            f"TLS fails   since {rfc3339(self.now - 60)}, given up from {rfc3339(self.now + 86340)} on",
            "overridden  by telephone",
            "tested      rule strict would hold it: cert_expired",
            "certificate not authenticated for mx1.example.net",
            r"CN=evil\nCN=good, until 2027-01-01T00:00:00.000Z, issued by CN=ca",
            "<carol@example.net>",
        ):
            self.assertIn(part, done.stdout)
        self.assertTrue(all(line.isprintable() for line in done.stdout.split("\n")))

    def test_a_host_that_a_route_names_by_its_address(self) -> None:
        lines = list(_verdict_lines(attrs.evolve(VERDICT, host=None, address="192.0.2.1", port=25)))
        self.assertIn("  host        [192.0.2.1]:25", lines)

    def test_show_for_programs_and_of_a_message_made_here(self) -> None:
        self.fill()
        self.assertEqual(json.loads(self.run_queue("show", SECOND, "--json").stdout)["id"], SECOND)
        self.assertIn("from      fopemta itself", self.run_queue("show", SECOND).stdout)

    def test_letters_that_the_terminal_has_not(self) -> None:
        done = CliRunner(charset="latin-1").invoke(main, ["queue", "show", "é한", "--config", str(self.path)])
        self.assertEqual(done.exit_code, 2)
        self.assertIn(r"'é\ud55c' is no queue id.", done.stderr)

    def test_show_of_what_is_not_there(self) -> None:
        self.fill()
        done = self.run_queue("show", "0000000000")
        self.assertEqual((done.exit_code, done.stderr), (1, "fopemta: 0000000000 is not in the queue (any more)\n"))
        for word in ("", "nonsense", "../../../etc/passwd", f"deferred/{FIRST}", f"{FIRST}\n"):
            done = self.run_queue("show", word)
            self.assertEqual(done.exit_code, 2, word)
            self.assertIn("is no queue id", done.stderr)

    def test_spool_that_is_not_there(self) -> None:
        done = self.run_queue("list")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("there is no spool at", done.stderr)

    def test_configuration_that_is_wrong(self) -> None:
        self.write("[limits]\nrecipients = 1\n")
        done = self.run_queue("list")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("fopemta: limits.recipients: must be", done.stderr)

    def test_spool_of_another_version(self) -> None:
        self.fill()
        (self.folder / "var" / "spool" / "format").write_text("fopemta spool 99\n")
        done = self.run_queue("list")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("has format 99", done.stderr)

    def order(self, *words: str, results: dict[str, str]) -> tuple[int, list[str]]:
        """What an order says where the server answers with `results` by id."""

        class Server:
            def __init__(self, config: str | None) -> None:
                """There is one."""

            def ask(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
                for each in request["messages"]:
                    yield {"id": each["id"], "result": results[each["id"]], "recipients": ["bob@example.net"]}
                yield {"end": True}

        self.patch(queue_orders, "ControlClient", Server)
        done = self.run_queue(*words)
        return done.exit_code, done.stdout.splitlines()

    def test_what_left_meanwhile_is_no_error(self) -> None:
        self.fill()
        for words in (("retry", "--all"), ("retry", "--domain", "example.net"), ("retry", "--state", "queued", SECOND)):
            results = {FIRST: "done", SECOND: "unknown"}
            with self.subTest(words):
                status, lines = self.order(*words, results=results)
                self.assertEqual(status, 0)
                tried = SECOND not in words
                self.assertEqual(lines[:-1], [f"{FIRST}: tried now for 1 recipient"] if tried else [])
                self.assertEqual(lines[-1], f"{'1 message' if tried else '0 messages'} tried now; 1 had left meanwhile")
        self.assertEqual(self.order("hold", "--all", results={FIRST: "unknown", SECOND: "unreadable"})[0], 1)

    def test_an_id_that_is_named_and_not_there_is_an_error(self) -> None:
        gone = f"{SECOND} is not in the queue (any more)"
        self.assertEqual(self.order("retry", SECOND, results={SECOND: "unknown"}), (1, [gone]))
        self.assertEqual(
            self.order("retry", FIRST, SECOND, results={FIRST: "done", SECOND: "unknown"}),
            (1, [f"{FIRST}: tried now for 1 recipient", gone, "1 message tried now"]),
        )
