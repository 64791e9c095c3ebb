"""The oracle and the ledger by themselves: histories in which something is wrong, and what they must say of it."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation import history as history_values
from tests.simulation import inputs, ledger, oracle
from tests.simulation.history import Acceptance, Change, Ending, History, Lifted, Tls, Transaction, Verdict
from tests.simulation.inputs import Message, Route, Rule, Setup, When
from tests.simulation.run import judged

BANK = When(recipients=("bank.test",))
FORCE = Rule(name="r1", action="force_tls", when=BANK)
GOOD = Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "good")
FORCED, FREE = Setup(rules=(FORCE,)), Setup()


def history(
    setup: Setup, recipient: str, tls: Tls | None, *, client: str = "relay", tick: int = 10, taken: bool = True
) -> History:
    """One message to one recipient, which went once, by `tls`, and was recorded."""
    address = {"relay": "10.1.2.3", "outside": "203.0.113.9", "login": "203.0.113.9"}[client]
    message = Message(number=1, client=client, address=address, sender="m1z@d2.test", recipients=((recipient, ""),))
    host = "mx.bank.test"
    final = "clerk@bank.test" if recipient.startswith("sales") else recipient
    sent = Transaction(tick, 1.0, 4e9, host, tls, "m1z@d2.test", [(final, True)], bytearray(b"x"), taken, 1.0)
    facts = {
        "message": "ID", "recipient": final, "result": "delivered", "host": host, "authenticated": False,
        "rung": "plain" if tls is None else "strong256", "protocol": tls and tls.protocol, "cipher": tls and tls.cipher,
    }  # fmt: skip
    return History(
        changes=[Change(1, setup)],
        acceptances=[Acceptance(message, 2, 3, 4e9 - 10, "ID", [recipient])],
        transactions=[sent],
        verdicts=[Verdict(tick + 1, 1.1, facts)],
    )


class IndependenceTests(SynchronousTestCase):
    def test_who_judges_shares_no_code_with_the_product(self) -> None:
        for module in (oracle, ledger, history_values, inputs):
            text = Path(module.__file__ or "").read_text(encoding="utf-8")
            imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
            self.assertEqual([line for line in imported if "fopemta" in line], [], module.__name__)
        self.assertLess(len(Path(oracle.__file__).read_text(encoding="utf-8").splitlines()), 300)


class WireTests(SynchronousTestCase):
    def test_what_a_connection_must_show(self) -> None:
        alias = Setup(rules=(FORCE,), aliases=(("sales", ("clerk@bank.test",)),))
        outbound = Setup(
            rules=(Rule(name="r1", action="force_tls", when=BANK, direction="outbound"),), aliases=alias.aliases
        )
        route = Setup(routes=(Route(domain="bank.test", tls="encrypt"),))
        weaker = Rule(name="w", action="allow_weaker", when=BANK, level="opportunistic", expires=1e9)
        domain = Setup(rules=(Rule(name="r1", action="force_tls", when=BANK, names="domain"),))
        one, cbc = "m1z.0@bank.test", Tls("TLSv1.2", "ECDHE-ECDSA-AES128-SHA", "good")
        for setup, recipient, tls, fine in (
            (FORCED, one, GOOD, True),
            (FORCED, one, None, False),
            (FORCED, one, cbc, False),
            (FORCED, one, Tls(*("TLSv1.3", "TLS_AES_128_GCM_SHA256"), "good"), True),
            *(
                (FORCED, one, Tls(GOOD.protocol, GOOD.cipher, kind), False)
                for kind in ("other", "self-signed", "expired")
            ),
            (FORCED, one, Tls(GOOD.protocol, GOOD.cipher, "wrong name"), False),
            (FORCED, "m1z.0@d1.test", None, True),
            (domain, one, GOOD, False),
            (domain, one, Tls(GOOD.protocol, GOOD.cipher, "domain"), True),
            (route, one, None, False),
            (route, one, cbc, True),
            (Setup(rules=(FORCE, weaker)), one, None, True),
            (Setup(rules=(Rule(name="r1", action="force_tls", when=BANK, mode="test"),)), one, None, True),
            (FREE, one, None, True),
        ):
            found = judged(history(setup, recipient, tls))
            self.assertEqual(found == (), fine, (setup, recipient, tls, found))
        for setup, client, fine in (
            (alias, "outside", False),
            (outbound, "outside", False),
            (outbound, "login", False),
        ):
            found = judged(history(setup, "sales+m1z@here.test", None, client=client))
            self.assertEqual(found == (), fine, (client, found))

    def test_the_stricter_of_stored_and_todays(self) -> None:
        for changes, fine in (
            ((FREE, FORCED, False), False),
            ((FORCED, FREE, False), False),
            ((FORCED, FREE, True), True),
            ((FREE, FREE, False), True),
        ):
            before, after, lowered = changes
            seen = history(before, "m1z.0@bank.test", None)
            seen.changes.append(Change(5, after, lowered))
            self.assertEqual(judged(seen) == (), fine, changes)

    def test_an_override(self) -> None:
        seen = history(FORCED, "m1z.0@bank.test", None)
        for tick, fine in ((5, True), (11, False)):
            seen.lifted[:] = [Lifted(tick, "ID")]
            self.assertEqual(judged(seen) == (), fine)

    def test_notices_inherit(self) -> None:
        for tls, content, fine in ((GOOD, b"", True), (None, b"", False), (GOOD, b"Hello. m1z", False)):
            seen = history(FORCED, "m1z.0@bank.test", GOOD)
            seen.transactions.append(
                Transaction(12, 2.0, 4e9, "mx.d2.test", tls, "", [("m1z@d2.test", True)], bytearray(content), True, 2.0)
            )
            self.assertEqual(judged(seen) == (), fine, (tls, content))


class LedgerTests(SynchronousTestCase):
    def complaint(self, seen: History) -> str:
        found = judged(seen)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_all_is_well(self) -> None:
        self.assertEqual(judged(history(FREE, "m1z.0@bank.test", GOOD)), ())

    def test_lost(self) -> None:
        seen = history(FREE, "m1z.0@bank.test", GOOD)
        seen.transactions.clear()
        seen.verdicts.clear()
        self.assertIn("is lost", self.complaint(seen))
        seen.queue.append({"id": "ID", "recipients": [{"address": "m1z.0@bank.test", "state": "queued"}]})
        self.assertIn("stands still", self.complaint(seen))
        seen.queue.clear()
        seen.removed.append(("ID", ""))
        self.assertEqual(judged(seen), ())

    def test_not_recorded(self) -> None:
        seen = history(FREE, "m1z.0@bank.test", GOOD)
        seen.verdicts.clear()
        self.assertIn("no record says so", self.complaint(seen))

    def test_records_that_lie(self) -> None:
        for name, lie, words in (
            ("cipher", "TLS_AES_128_GCM_SHA256", "the wire has"),
            ("rung", "plain", "says plain"),
            ("host", "mx2.bank.test", "the wire has"),
        ):
            seen = history(FREE, "m1z.0@bank.test", GOOD)
            seen.verdicts[0].facts[name] = lie
            self.assertIn(words, self.complaint(seen))
        seen = history(FREE, "m1z.0@bank.test", Tls(GOOD.protocol, GOOD.cipher, "expired"))
        seen.verdicts[0].facts["authenticated"] = True
        self.assertIn("was authenticated", self.complaint(seen))

    def test_twice_within_the_window_alone(self) -> None:
        seen = history(FREE, "m1z.0@bank.test", GOOD)
        again = history(FREE, "m1z.0@bank.test", GOOD).transactions[0]
        again.taken_at = 60.0
        seen.transactions.append(again)
        self.assertIn("and again at 60.000", self.complaint(seen))
        seen.endings.append(Ending(2.0, True))
        self.assertEqual(judged(seen), ())

    def test_nobody_is_told(self) -> None:
        seen = history(FREE, "m1z.0@bank.test", GOOD, taken=False)
        seen.verdicts[0].facts["result"] = "failed"
        self.assertIn("nobody is told", self.complaint(seen))
        seen.reports.append((12, "ID", "REPORT", "m1z@d2.test"))
        self.assertIn("the notice REPORT about ID", self.complaint(seen))
        seen.queue.append({"id": "REPORT", "recipients": [{"address": "postmaster@here.test", "state": "held"}]})
        self.assertEqual(judged(seen), ())
