"""The rules last in force outlive the process, and the file of rules."""

from __future__ import annotations

import math
import os
import stat

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from fopemta.config.model import Configuration
from fopemta.mail.plain_json import encoded
from fopemta.policy.earlier import Earlier, RulesText
from fopemta.policy.rulebook import NO_RULES
from fopemta.server import configuration_file
from fopemta.server.following import Following
from fopemta.server.kept_rules import FILE_NAME, SETTLED, KeptRules, RulesAtStart, oldest_of, read
from fopemta.server.reload import Reload
from tests.server.test_preflight import SMALLEST, Folder

FORCE = '[[rule]]\nname = "{}"\nwhen = {{ recipients = ["bank.test"] }}\nthen = {{ action = "force_tls" }}\n'
NAMED = f'rules = "rules.toml"\n{SMALLEST}'


class KeptRulesTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.state = self.folder / "state"
        self.file = self.state / FILE_NAME
        self.moment = 100.0
        self.oldest: float | None = None

    @property
    def cautions(self) -> list[str]:
        return [each["what"] for each in self.events if each.get("event") == "caution"]

    @property
    def kept(self) -> KeptRules:
        """As another process has it."""
        return KeptRules(str(self.state), lambda: self.moment, lambda: self.oldest)

    def rules(self, *names: str) -> Configuration:
        """What stands in the files."""
        text = "".join(FORCE.format(each) for each in names)
        (self.folder / "etc" / "rules.toml").write_text(text, encoding="utf-8")
        return configuration_file.read(self.write(text=NAMED))

    def started(self, *names: str) -> Configuration:
        """A server starts with these rules."""
        found = self.kept.at_start(self.rules(*names))
        self.kept.keep(found)
        return found

    def bound(self, found: Configuration) -> list[tuple[float, str]]:
        assert found.earlier is not None
        books = [each.rules.book or NO_RULES for each in found.earlier]
        names = ["".join(rule.name for rule in book.rules) for book in books]
        return list(zip([each.until for each in found.earlier], names, strict=True))

    def test_rules_that_are_gone_from_the_file_bind_what_came_before_the_start(self) -> None:
        self.assertEqual(self.bound(self.started("a")), [])
        self.moment = 200.0
        self.assertEqual(self.bound(self.started()), [(200.0, "a")])
        self.moment = 300.0
        self.assertEqual(self.bound(self.started()), [(200.0, "a")])
        self.assertEqual(self.bound(self.started("b")), [(200.0, "a")])
        self.assertEqual(self.bound(self.started("b", "c")), [(200.0, "a"), (300.0, "b")])
        self.assertEqual(self.cautions, [])

    def test_a_server_without_a_file_of_rules(self) -> None:
        self.started("a")
        found = self.kept.at_start(configuration_file.read(self.write(text=SMALLEST)))
        self.assertEqual(self.bound(found), [(100.0, "a")])
        self.kept.keep(found)
        self.assertEqual(self.bound(self.kept.at_start(self.rules())), [(100.0, "a")])

    def test_nothing_is_written_but_what_is_to_be_kept_and_nobody_else_reads_it(self) -> None:
        self.kept.at_start(self.rules("a"))
        self.assertFalse(self.state.exists())
        self.started("a")
        self.assertEqual(os.listdir(self.state), [FILE_NAME])
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_a_reload_keeps_what_was_in_force_as_long_as_such_mail_waits(self) -> None:
        before = self.started("a")
        for names, oldest, lowered, wanted in (
            (("b",), None, False, [(100.0, "a")]), (("b",), 50.0, False, [(100.0, "a")]),
            (("b",), 150.0, False, []), (("b",), math.inf, False, []), (("b",), 50.0, True, []),
            (("a",), 50.0, False, []),
        ):  # fmt: skip
            self.oldest = oldest
            self.assertEqual(self.bound(self.kept.following(before, self.rules(*names), lowered)), wanted)

    def test_what_cannot_be_read_binds_all_that_waits(self) -> None:
        self.started("a")
        good = self.file.read_text()
        for bad in ("", "{}", good[:-20], good.replace("bank.test", "free.test"), "[]", good.replace("kept", "cept")):
            self.file.write_text(bad)
            self.events.clear()
            found = self.kept.at_start(self.rules())
            assert found.earlier is not None
            self.assertEqual([(each.until, each.rules.book) for each in found.earlier], [(100.0, None)], bad)
            [caution] = self.cautions
            self.assertIn("--allow-lower", caution)
        # It is so at the next start, too.
        self.kept.keep(found)
        [again] = self.kept.at_start(self.rules("c")).earlier or ()
        self.assertIsNone(again.rules.book)

    def test_rules_that_this_version_cannot_read(self) -> None:
        old = self.started("a")
        odd = attrs.evolve(old, rules_text="[[rule]]\nname = 3\n")
        self.kept.keep(odd)
        found = self.kept.at_start(self.rules())
        self.assertEqual([each.rules.book for each in found.earlier or ()], [None])
        self.assertEqual(len(self.cautions), 1)

    def test_where_it_cannot_be_written_that_is_told(self) -> None:
        self.state.mkdir()
        self.file.mkdir()
        self.kept.keep(self.rules("a"))
        [caution] = self.cautions
        self.assertIn(str(self.file), caution)
        self.assertEqual(os.listdir(self.state), [FILE_NAME])

    def test_it_is_flushed_before_it_takes_the_old_ones_place(self) -> None:
        calls: list[str] = []
        for name in ("fsync", "replace"):
            real = getattr(os, name)

            def called(*args: object, name: str = name, real: object = real) -> object:
                calls.append(name)
                return real(*args)  # type: ignore[operator]

            self.patch(os, name, called)
        self.kept.keep(self.rules("a"))
        self.assertEqual(calls, ["fsync", "replace", "fsync"])

    def test_the_oldest(self) -> None:
        briefs = [encoded({"arrived": each}) for each in ("1970-01-01T00:01:40.000Z", "1970-01-01T00:05:00.000Z")]
        self.assertEqual(oldest_of(iter(briefs)), 100.0)
        self.assertEqual(oldest_of(iter([])), math.inf)

    # --- at a start, and at a reload ---------------------------------------------------------------------------------

    def test_at_a_start_it_is_written_and_later_told_what_keeps_to_earlier_rules(self) -> None:
        for earlier, told in (((), 0), ((Earlier(1.0, read_rules(self)),), 1)):
            clock, said = Clock(), []

            async def tell(said: list[int] = said) -> None:
                said.append(1)

            config = attrs.evolve(self.rules("a"), earlier=earlier)
            attendant = RulesAtStart(clock, self.kept, config, tell)  # type: ignore[arg-type]
            attendant.start()
            self.assertEqual(read(str(self.file)).earlier, earlier)
            clock.advance(SETTLED - 1)
            self.assertEqual(said, [])
            clock.advance(1)
            self.assertEqual(len(said), told)
            attendant.stop()
            attendant.start()
            attendant.stop()
            clock.advance(SETTLED)
            self.assertEqual(len(said), told)

    def test_a_reload_writes_before_it_counts(self) -> None:
        order: list[str] = []

        class Target:
            def reconfigure(_, config: Configuration) -> None:
                found = read(str(self.file))
                assert found.rules.book is not None
                order.append("".join(rule.name for rule in found.rules.book.rules))
                self.assertEqual(found.earlier, config.earlier)

        following = Following(self.started("a"), [Target()], [], lambda _: ())
        reload = Reload(str(self.path), following, kept=self.kept)
        for names, allow_lower, bound in (
            ("b", None, [(101.0, "a")]), ("c", False, [(101.0, "a"), (102.0, "b")]), ("d", True, []),
        ):  # fmt: skip
            self.rules(names)
            self.moment += 1
            self.successResultOf(reload.run(allow_lower))
            self.assertEqual(self.bound(following.current), bound)
        self.assertEqual(order, ["b", "c", "d"])

    def test_a_reload_that_is_refused_writes_nothing(self) -> None:
        following = Following(self.started("a"), [], [], lambda _: ())
        before = self.file.read_bytes()
        following.prepare = lambda config: Deferred()  # type: ignore[method-assign]
        self.rules("b")
        self.assertNoResult(Reload(str(self.path), following, kept=self.kept).run())
        self.assertEqual(self.file.read_bytes(), before)


def read_rules(test: KeptRulesTests) -> RulesText:
    """Rules as a file of them says."""
    test.started("z")
    return read(str(test.file)).rules
