"""From a client's words to who it is: every mechanism, and what whoever guesses learns of it."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import IExchange, ILogins
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.reply import Reply
from fopemta.smtp.scram import Verifier
from fopemta.users.checkers import ISender, PasswordChecker, ScramChecker, UserRealm, Verifiers
from fopemta.users.hashing import PasswordChecks
from fopemta.users.logins import Logins, logins_of
from fopemta.users.slowdown import PAUSE_OF_PUT_OFF
from fopemta.users.user_file import UserFile
from tests.smtp.test_scram import client_final
from tests.users.accounts import ALICE, ALICE_VERIFIER, BOB, TEXT, Threads, caught, write

CLIENT = "192.0.2.7"
ALICE_IN = LoggedIn("alice", frozenset({"alice@us.test", "@alice.test"}))
BOB_IN = LoggedIn("bob", frozenset({"bob@us.test"}))
DENIED = (535, "5.7.8", "Authentication credentials invalid")
MALFORMED = (501, "5.5.2", "Cannot decode the response")
NOT_NOW = (454, "4.7.0", "Temporary authentication failure")
SECRET = b"s" * 32


def outcome(answer: Challenge | LoggedIn | Reply) -> object:
    return (answer.code, answer.enhanced, answer.text) if isinstance(answer, Reply) else answer


class WithLogins(SynchronousTestCase):
    scram_secret: bytes | None = SECRET
    held = False

    def setUp(self) -> None:
        folder = Path(os.path.abspath(self.mktemp()))
        folder.mkdir()
        self.path = folder / "users"
        write(self.path)
        self.clock = Clock()
        self.threads = Threads(self.held)
        self.file = UserFile(str(self.path))
        self.logins = logins_of(self.file, self.clock, self.threads.run, self.scram_secret)

    def begin(self, mechanism: str, client: str = CLIENT) -> IExchange:
        return self.logins.begin(mechanism, client)

    def say(self, mechanism: str, *responses: bytes | None, client: str = CLIENT) -> object:
        """The last answer."""
        exchange = self.begin(mechanism, client)
        return [outcome(self.successResultOf(exchange.respond(each))) for each in responses][-1]

    def plain(self, name: str, password: str, client: str = CLIENT) -> object:
        return self.say("PLAIN", f"\0{name}\0{password}".encode(), client=client)

    def scram(self, name: str, password: str) -> list[object]:
        """Every answer."""
        exchange, first = self.begin("SCRAM-SHA-256"), f"n,,n={name},r=abc".encode()
        challenge = self.successResultOf(exchange.respond(first))
        assert isinstance(challenge, Challenge)
        final, expected = client_final(password, first, challenge.octets)
        answers: list[object] = [outcome(self.successResultOf(exchange.respond(final)))]
        if answers == [Challenge(expected)]:
            answers.append(outcome(self.successResultOf(exchange.respond(b""))))
        return answers


class SeamTests(WithLogins):
    def test_interfaces(self) -> None:
        verifyObject(ILogins, self.logins)
        for mechanism in self.logins.mechanisms():
            verifyObject(IExchange, self.begin(mechanism))
        accounts = self.file.accounts
        verifyObject(ICredentialsChecker, PasswordChecker(accounts, PasswordChecks(self.threads.run)))
        verifyObject(ICredentialsChecker, ScramChecker(Verifiers(accounts, SECRET)))
        verifyObject(IRealm, UserRealm(accounts))

    def test_mechanisms_strongest_first(self) -> None:
        self.assertEqual(self.logins.mechanisms(), ("SCRAM-SHA-256", "PLAIN", "LOGIN"))
        self.assertEqual(logins_of(self.file, self.clock, self.threads.run).mechanisms(), ("PLAIN", "LOGIN"))

    def test_who_a_proxy_says_has_logged_in(self) -> None:
        self.assertEqual(self.successResultOf(self.logins.known("Alice")), ALICE_IN)
        self.assertIsNone(self.successResultOf(self.logins.known("nobody")))

    def test_file_that_has_changed_is_read_before_a_login_is_judged(self) -> None:
        """Otherwise whoever was removed gets in once more, and whoever is new is refused at first."""
        reading: list[Callable[[], None]] = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            done: Deferred[Any] = Deferred()
            reading.append(lambda: done.callback(call(*arguments)))
            return done

        file = UserFile(str(self.path), in_thread)
        file.accounts()
        logins = logins_of(file, self.clock, self.threads.run, SECRET)

        def after_a_change(text: str, asked: Callable[[], Deferred[Any]]) -> object:
            write(self.path, text)
            answers = [asked(), asked()]
            for each in answers:
                self.assertNoResult(each)
            reading.pop()()
            self.assertEqual(reading, [])
            first, second = [outcome(self.successResultOf(each)) for each in answers]
            self.assertEqual(first, second)
            return first

        def alice() -> Deferred[Any]:
            return logins.begin("PLAIN", CLIENT).respond(b"\0alice\0secret")

        def challenge() -> Deferred[Any]:
            return logins.begin("SCRAM-SHA-256", CLIENT).respond(b"n,,n=alice,r=abc")

        self.assertEqual(after_a_change(BOB, alice), DENIED)
        self.assertEqual(after_a_change(TEXT, alice), ALICE_IN)
        self.assertIsNone(after_a_change(BOB, lambda: logins.known("alice")))
        self.assertEqual(after_a_change(TEXT, lambda: logins.known("alice")), ALICE_IN)
        changed = TEXT.replace(ALICE_VERIFIER.text(), Verifier.of("new", b"salt of today", 10_000).text())
        write(self.path, changed)
        waiting = challenge()
        reading.pop()()
        answer = self.successResultOf(waiting)
        self.assertIn(base64.b64encode(b"salt of today"), answer.octets)

    def test_login_does_not_wait_for_ever_for_a_file_that_cannot_be_read(self) -> None:
        reading: list[Deferred[Any]] = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            reading.append(Deferred())
            return reading[-1]

        file = UserFile(str(self.path), in_thread)
        file.accounts()
        write(self.path, BOB)
        waiting = logins_of(file, self.clock, self.threads.run).known("alice")
        gone = logins_of(file, self.clock, self.threads.run).known("alice")
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.assertNoResult(waiting)
        reading[0].errback(ZeroDivisionError("a bug"))
        self.assertEqual(self.successResultOf(waiting), ALICE_IN)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_avatar_is_of_one_kind(self) -> None:
        realm = UserRealm(self.file.accounts)
        interface, avatar, logout = realm.requestAvatar(b"alice", None, ISender)
        self.assertEqual((interface, avatar, logout()), (ISender, ALICE_IN, None))
        with self.assertRaises(NotImplementedError):
            realm.requestAvatar(b"alice", None, IRealm)


class PasswordTests(WithLogins):
    def test_plain(self) -> None:
        for response, expected in {
            b"\0alice\0secret": ALICE_IN,
            b"alice\0alice\0secret": ALICE_IN,
            b"\0Alice\0secret": ALICE_IN,
            b"\0bob\0other secret": BOB_IN,
            b"\0alice\0Secret": DENIED,
            b"\0alice\0other secret": DENIED,
            b"\0nobody\0secret": DENIED,
            b"bob\0alice\0secret": DENIED,
            b"": MALFORMED,
            b"alice\0secret": MALFORMED,
            b"\0alice\0": MALFORMED,
            b"\0alice\0\xff": MALFORMED,
        }.items():
            self.assertEqual(self.say("PLAIN", response), expected, response)

    def test_plain_step_by_step(self) -> None:
        self.assertEqual(self.say("PLAIN", None), Challenge(b""))
        self.assertEqual(self.say("PLAIN", None, b"\0alice\0secret"), ALICE_IN)

    def test_login(self) -> None:
        for responses, expected in {
            (None,): Challenge(b"Username:"),
            (None, b"alice"): Challenge(b"Password:"),
            (None, b"alice", b"secret"): ALICE_IN,
            (b"alice", b"secret"): ALICE_IN,
            (None, b"alice", b"wrong"): DENIED,
            (None, b"nobody", b"secret"): DENIED,
            (None, b"", b"secret"): MALFORMED,
            (None, b"alice", b""): MALFORMED,
        }.items():
            self.assertEqual(self.say("LOGIN", *responses), expected, responses)

    def test_events(self) -> None:
        for response, expected in (
            (b"\0Alice\0secret", ("logged_in", "alice", None)),
            (b"\0alice\0wrong", ("login_failed", "alice", "wrong password")),
            (b"\0nobody\0wrong", ("login_failed", "nobody", "no such user")),
            (b"bob\0alice\0secret", ("login_failed", None, "requests another identity")),
        ):
            events = caught(lambda response=response: self.say("PLAIN", response))  # type: ignore[misc]
            events = [each for each in events if each["event"] != "users_read"]
            self.assertEqual([(each["event"], each["name"], each.get("why")) for each in events], [expected])
            self.assertEqual((events[0]["client"], events[0]["mechanism"]), (CLIENT, "PLAIN"))
            self.assertNotIn(
                "secret", str({key: events[0][key] for key in ("log_format", "name", "why") if key in events[0]})
            )

    def test_failures_are_counted(self) -> None:
        counts = [caught(lambda: self.plain("alice", "wrong"))[-1]["failures"] for _ in range(3)]
        self.assertEqual(counts, [1, 2, 3])

    def test_unknown_name_costs_as_much_as_a_known_one(self) -> None:
        """By structure: one hash of the same cost, in a thread, over the password that was given."""
        for name in ("alice", "nobody"):
            self.plain(name, "wrong")
        (true, one), (false, other) = self.threads.calls
        self.assertEqual((one, other), ("wrong", "wrong"))
        self.assertEqual(true.split("$")[:4], false.split("$")[:4])

    def test_user_who_is_added_or_removed_at_once(self) -> None:
        write(self.path, BOB)
        self.assertEqual(self.plain("alice", "secret"), DENIED)
        write(self.path, ALICE)
        self.assertEqual(self.plain("alice", "secret"), ALICE_IN)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.sampled_from(["PLAIN", "LOGIN", "SCRAM-SHA-256"]), st.lists(st.none() | st.binary(), max_size=4))
    def test_strangers(self, mechanism: str, responses: list[bytes | None]) -> None:
        """No exception, and never a login."""
        self.logins = logins_of(self.file, self.clock, self.threads.run, SECRET)
        exchange = self.begin(mechanism)
        for response in responses:
            answer = self.successResultOf(exchange.respond(response))
            self.assertNotIsInstance(answer, LoggedIn)
            if isinstance(answer, Reply):
                return


class ScramTests(WithLogins):
    def test_table(self) -> None:
        self.assertEqual(self.scram("alice", "secret")[-1], ALICE_IN)
        self.assertEqual(self.scram("ALICE", "secret")[-1], ALICE_IN)
        for name, password in (("alice", "wrong"), ("nobody", "secret"), ("bob", "other secret")):
            self.assertEqual(self.scram(name, password), [DENIED], name)
        for responses, expected in {
            (None,): Challenge(b""),
            (b"nonsense",): MALFORMED,
            (b"p=tls-unique,,n=alice,r=abc",): DENIED,
            (b"n,a=bob,n=alice,r=abc",): DENIED,
            (b"n,,n=alice,r=abc", b"nonsense"): MALFORMED,
        }.items():
            self.assertEqual(self.say("SCRAM-SHA-256", *responses), expected, responses)

    def test_events(self) -> None:
        for name, password, expected in (
            ("alice", "secret", ["logged_in"]),
            ("alice", "wrong", ["login_failed"]),
            ("nobody", "secret", ["login_failed"]),
        ):
            events = caught(lambda name=name, password=password: self.scram(name, password))  # type: ignore[misc]
            events = [each for each in events if each["event"] != "users_read"]
            self.assertEqual([(each["event"], each["name"]) for each in events], [(expected[0], name)])

    def test_whose_answer_was_not_well_formed(self) -> None:
        exchange = self.begin("SCRAM-SHA-256")
        self.successResultOf(exchange.respond(b"n,,n=alice,r=abc"))
        events = caught(lambda: exchange.respond(b"nonsense"))
        self.assertEqual([each["name"] for each in events if each["event"] == "login_failed"], ["alice"])

    def test_who_has_not_taken_our_proof_is_not_in(self) -> None:
        exchange, first = self.begin("SCRAM-SHA-256"), b"n,,n=alice,r=abc"
        challenge = self.successResultOf(exchange.respond(first))
        assert isinstance(challenge, Challenge)
        answer = self.successResultOf(exchange.respond(client_final("secret", first, challenge.octets)[0]))
        self.assertIsInstance(answer, Challenge)
        self.assertEqual(outcome(self.successResultOf(exchange.respond(b"x"))), MALFORMED)

    def test_false_salt_cannot_be_told_from_a_true_one(self) -> None:
        """Stable, for names that are not there and those without a verifier."""

        def challenged(name: bytes) -> list[bytes]:
            answer = self.say("SCRAM-SHA-256", b"n,,n=" + name + b",r=abc")
            assert isinstance(answer, Challenge)
            return answer.octets.split(b",")[1:]

        for name in (b"nobody", b"bob"):
            salt, iterations = challenged(name)
            self.assertEqual([salt, iterations], challenged(name.upper()))
            self.assertEqual((len(salt), iterations), (len(challenged(b"alice")[0]), challenged(b"alice")[1]))
        self.assertNotEqual(challenged(b"nobody"), challenged(b"somebody"))

    def test_nonce_is_never_the_same(self) -> None:
        nonces = {str(self.say("SCRAM-SHA-256", b"n,,n=alice,r=abc")) for _ in range(5)}
        self.assertEqual(len(nonces), 5)

    def test_password_changed_in_between(self) -> None:
        exchange, first = self.begin("SCRAM-SHA-256"), b"n,,n=alice,r=abc"
        challenge = self.successResultOf(exchange.respond(first))
        assert isinstance(challenge, Challenge)
        write(self.path, ALICE.replace("YWxpY2Un", "YWxpY2Uo"))
        answer = self.successResultOf(exchange.respond(client_final("secret", first, challenge.octets)[0]))
        self.assertEqual(outcome(answer), DENIED)


class GuessingTests(WithLogins):
    def test_waits_before_it_is_looked_at(self) -> None:
        for _ in range(8):
            self.logins._slowdown.failed(CLIENT, "bob")
        waiting = self.begin("PLAIN").respond(b"\0bob\0other secret")
        self.assertNoResult(waiting)
        self.assertEqual(self.threads.calls, [])
        self.clock.advance(30)
        self.assertEqual(self.successResultOf(waiting), BOB_IN)

    def test_who_was_here_before_is_not_held_up_by_others(self) -> None:
        self.assertEqual(self.plain("alice", "secret"), ALICE_IN)
        for _ in range(20):
            self.logins._slowdown.failed(CLIENT, "bob")
            self.logins._slowdown.failed("198.51.100.7", "alice")
        self.assertEqual(self.plain("alice", "secret"), ALICE_IN)

    def test_too_many_are_put_off(self) -> None:
        for _ in range(20):
            self.logins._slowdown.failed(CLIENT, "bob")
        waiting = [self.begin("PLAIN").respond(b"\0bob\0x") for _ in range(3)]
        # The answer takes its time, or guessers would have hundreds of them in a second.
        self.clock.advance(PAUSE_OF_PUT_OFF - 0.1)
        self.assertNoResult(waiting[2])
        self.clock.advance(0.1)
        self.assertEqual(outcome(self.successResultOf(waiting[2])), NOT_NOW)
        events = caught(lambda: waiting.append(self.begin("PLAIN").respond(b"\0bob\0x")))
        self.assertEqual([each["event"] for each in events], ["login_put_off"])
        self.assertEqual(self.plain("alice", "secret", client="198.51.100.7"), ALICE_IN)

    def test_one_who_has_gone_takes_no_place(self) -> None:
        for _ in range(20):
            self.logins._slowdown.failed(CLIENT, "bob")
        waiting = self.begin("PLAIN").respond(b"\0bob\0x")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.logins._slowdown._under_way, {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_forty_sessions_that_guess_at_one_account(self) -> None:
        """Each guesses again as soon as it has its answer.  Few are looked at, and few answers are given at all; the
        owner comes from elsewhere with the right password, at any moment, and is looked at soon.
        """
        answers: list[object] = []

        def guess(answer: object = None) -> None:
            if answer is not None:
                answers.append(outcome(answer))  # type: ignore[arg-type]
            if self.clock.seconds() < 60 and len(answers) < 1000:
                self.begin("PLAIN").respond(b"\0alice\0guess").addCallback(guess)

        for _ in range(40):
            guess()
        for second in range(60):
            self.clock.advance(1)
            owner = self.begin("PLAIN", f"198.51.100.{second}").respond(b"\0alice\0secret")
            self.clock.pump([0.5, 0.5])
            self.assertEqual(self.successResultOf(owner), ALICE_IN, second)
        self.assertLess(len(self.threads.calls), 60 + 40)
        self.assertLess(len(answers), 40 * (60 / PAUSE_OF_PUT_OFF + 1))


class FarSlowdown:
    """One of another process: each answer is a Deferred."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.answer: Deferred[float | None] = Deferred()

    def begin(self, client: str, name: str) -> Deferred[float | None]:
        self.done.append(("begin", client, name))
        return self.answer

    def end(self, client: str) -> None:
        self.done.append(("end", client))

    def failed(self, client: str, name: str) -> Deferred[int]:
        self.done.append(("failed", client, name))
        return succeed(7)

    def succeeded(self, client: str, name: str) -> None:
        self.done.append(("succeeded", client, name))


class FarSlowdownTests(WithLogins):
    def setUp(self) -> None:
        super().setUp()
        self.slowdown = FarSlowdown()
        self.logins = logins_of(self.file, self.clock, self.threads.run, self.scram_secret, self.slowdown)

    def login(self, password: bytes, seconds: float | None) -> Any:
        waiting = self.begin("PLAIN").respond(b"\0bob\0" + password)
        self.assertNoResult(waiting)
        self.assertEqual(self.threads.calls, [])
        self.slowdown.answer.callback(seconds)
        self.clock.advance(PAUSE_OF_PUT_OFF if seconds is None else seconds)
        return outcome(self.successResultOf(waiting))

    def test_it_is_looked_at_when_the_other_process_says_so(self) -> None:
        self.assertEqual(self.login(b"other secret", 2.0), BOB_IN)
        self.assertEqual([each[0] for each in self.slowdown.done], ["begin", "succeeded", "end"])

    def test_failures_are_told(self) -> None:
        events = caught(lambda: self.assertEqual(self.login(b"wrong", 0.0), DENIED))
        self.assertEqual(events[-1]["failures"], 7)
        self.assertEqual([each[0] for each in self.slowdown.done], ["begin", "failed", "end"])

    def test_without_an_answer_nobody_comes_in(self) -> None:
        self.assertEqual(self.login(b"other secret", None), NOT_NOW)
        self.assertEqual([each[0] for each in self.slowdown.done], ["begin"])


class BusyTests(WithLogins):
    held = True

    def test_flood(self) -> None:
        for number in range(66):
            self.begin("PLAIN", f"198.51.100.{number}").respond(b"\0alice\0secret")
        self.assertEqual(self.threads.running, 2)
        waiting = self.begin("PLAIN", "203.0.113.9").respond(b"\0alice\0secret")
        self.assertNoResult(waiting)
        self.clock.advance(PAUSE_OF_PUT_OFF)
        self.assertEqual(outcome(self.successResultOf(waiting)), NOT_NOW)
        # It is nobody's failure.
        self.assertEqual(self.logins._slowdown._records, {})


class TroubleTests(WithLogins):
    def test_checker_that_breaks(self) -> None:
        """A fault of ours, or of somebody else's checker: no login, no word of it, and the client may come again."""

        class Broken:
            credentialInterfaces = PasswordChecker.credentialInterfaces

            def requestAvatarId(self, credentials: Any) -> Any:
                return fail(OSError("disk on fire"))

        self.logins = Logins(Portal(UserRealm(self.file.accounts), [Broken()]), self.clock)
        self.assertEqual(self.plain("alice", "secret"), NOT_NOW)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_user_removed_while_the_password_is_checked(self) -> None:
        self.threads.held = True
        waiting = self.begin("PLAIN").respond(b"\0alice\0secret")
        write(self.path, BOB)
        self.threads.finish_one()
        self.assertEqual(outcome(self.successResultOf(waiting)), DENIED)

    def test_file_that_is_spoilt_locks_nobody_out(self) -> None:
        self.assertEqual(self.plain("alice", "secret"), ALICE_IN)
        write(self.path, TEXT + "nonsense\n")
        self.assertEqual(self.plain("alice", "secret"), ALICE_IN)


class WithoutScramTests(WithLogins):
    scram_secret = None

    def test_is_not_offered(self) -> None:
        self.assertEqual(self.logins.mechanisms(), ("PLAIN", "LOGIN"))
        with self.assertRaises(KeyError):
            self.begin("SCRAM-SHA-256")
