"""Rules when mail comes in: refused as early as it is known, held, sent elsewhere, copied, marked."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.rules import load_rules
from fopemta.mail.envelope import Notify
from fopemta.mail.queued import RecipientState
from fopemta.mime.flaws import BOUNDS
from fopemta.trust.demand import Level
from tests.inbound.inbound import ENVELOPE, Inbound, Talk
from tests.users.accounts import caught

CONTENT = b"Subject: The secret plan\r\n\r\nHello\r\n.\r\n"


def listening(text: str, **limits: Any) -> Inbound:
    inbound = Inbound(**limits)
    inbound.factory.reconfigure(attrs.evolve(inbound.config, rulebook=load_rules(text, "/etc")))
    return inbound


def rule(then: str, when: str = "", more: str = "") -> str:
    return f'[[rule]]\nname = "a rule"\n{more}\nwhen = {{ {when} }}\nthen = {{ {then} }}\n'


def send(inbound: Inbound, content: bytes = CONTENT, envelope: bytes = ENVELOPE) -> Talk:
    talk = inbound.open()
    talk.say(envelope + b"DATA\r\n")
    talk.say(content)
    return talk


class EarlyTests(SynchronousTestCase):
    def test_refused_as_soon_as_it_is_known(self) -> None:
        table = {
            'clients = ["192.0.2.10"]': (550, 503, 503),
            'senders = ["c.test"]': (550, 503, 503),
            'recipients = ["bob@us.test"]': (250, 550, 503),
            'recipients = ["eve@us.test"]': (250, 250, 354),
            'clients = ["192.0.2.11"]': (250, 250, 354),
        }
        for when, codes in table.items():
            talk = listening(rule('action = "reject", text = "Not here"', when)).open()
            talk.say(ENVELOPE + b"DATA\r\n")
            self.assertEqual(tuple(talk.codes()[-3:]), codes, when)
            self.assertEqual(b"550 5.7.1 Not here\r\n" in talk.client.heard, 550 in codes)

    def test_one_recipient_is_refused_and_the_others_are_not(self) -> None:
        inbound = listening(rule('action = "defer"', 'recipients = ["bob@us.test"]'))
        send(inbound, envelope=ENVELOPE + b"RCPT TO:<eve@us.test>\r\n")
        self.assertEqual([str(each.address) for each in inbound.queue.messages[0].recipients], ["eve@us.test"])

    def test_require_tls(self) -> None:
        text = rule('action = "require_tls"', 'senders = ["c.test"]')
        talk = listening(text).open()
        self.assertTrue(talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n").endswith(b"STARTTLS command first\r\n"))
        self.assertEqual(talk.codes()[-1], 530)
        # C004: what was refused in the clear is taken under TLS.
        talk.say(b"STARTTLS\r\n")
        talk.start_tls()
        talk.say(ENVELOPE)
        self.assertEqual(talk.codes()[-1], 250)
        other = listening(text).open()
        other.say(b"EHLO c.test\r\nMAIL FROM:<a@other.test>\r\n")
        self.assertEqual(other.codes()[-1], 250)

    def test_a_rule_that_is_tested_refuses_nobody(self) -> None:
        inbound = listening(rule('action = "reject"', 'senders = ["c.test"]', 'mode = "test"'))
        send(inbound)
        (note,) = inbound.queue.messages[0].envelope.rules
        self.assertEqual((note.rule, note.mode, note.answer), ("a rule", "test", "yes"))


class LoggedTests(SynchronousTestCase):
    """What is refused after the message has come can be found in the log, as what is refused before."""

    def refused(
        self, inbound: Inbound, *pieces: bytes, client: str = "192.0.2.10"
    ) -> tuple[list[dict[str, Any]], Talk]:
        talk = inbound.open(client)
        events = caught(lambda: [talk.say(each) for each in (ENVELOPE + b"RCPT TO:<eve@us.test>\r\n", *pieces)])
        # Trial's own observer, a legacy one, has seen them first, and keeps what they were.
        original: list[dict[str, Any]] = [each["log_legacy"].event for each in events]
        return [each for each in original if each["event"] in ("message_refused", "rule_applied")], talk

    def test_by_a_rule(self) -> None:
        reject = rule('action = "reject", text = "Not here"', 'subject = ["secret"]')
        hold = rule('action = "hold"', 'subject = ["secret"]').replace("a rule", "held")
        tested = rule('action = "defer"', 'subject = ["plan"]', 'mode = "test"').replace("a rule", "tried")
        events, talk = self.refused(listening(hold + tested + reject), b"DATA\r\n", CONTENT)
        self.assertEqual([(each["event"], each["rule"]) for each in events],
                         [("rule_applied", "a rule"), ("message_refused", "a rule")])  # fmt: skip
        keys = ("message", "client", "sender", "recipients", "code", "enhanced", "text")
        self.assertEqual([events[1][each] for each in keys], [
            "BCDFGHJKB", "192.0.2.10", "a@c.test", ["bob@us.test", "eve@us.test"], 550, "5.7.1", "Not here",
        ])  # fmt: skip
        self.assertEqual(talk.codes()[-1], 550)

    def test_where_none_refuses_all_have_applied(self) -> None:
        hold = rule('action = "hold"', 'subject = ["secret"]').replace("a rule", "held")
        tested = rule('action = "reject"', 'subject = ["plan"]', 'mode = "test"').replace("a rule", "tried")
        events, talk = self.refused(listening(hold + tested), b"DATA\r\n", CONTENT)
        self.assertEqual([(each["event"], each["rule"]) for each in events],
                         [("rule_applied", "held"), ("rule_applied", "tried")])  # fmt: skip
        self.assertEqual(talk.codes()[-1], 250)

    def test_for_what_it_is(self) -> None:
        hops = b"Received: x\r\n" * 4 + b"\r\n"
        table = {
            hops: (554, "5.4.6"),
            b"a\0b\r\n": (550, "5.6.0"),
            b"x" * 4000: (552, "5.3.4"),
        }
        for content, (code, enhanced) in table.items():
            for pieces in (
                (b"DATA\r\n", content + b"\r\n.\r\n"),
                (b"DATA\r\n", content, b"more\r\n", b"\r\n.\r\n"),
                (b"BDAT %d LAST\r\n%s" % (len(content), content),),
                (b"BDAT %d\r\n%s" % (len(content), content), b"BDAT 0 LAST\r\n"),
            ):
                events, _ = self.refused(Inbound(hops=3, message_size=3000), *pieces)
                [event] = events
                self.assertEqual(
                    (event["event"], event["code"], event["enhanced"]), ("message_refused", code, enhanced)
                )
                self.assertEqual((event["message"], event["rule"]), ("BCDFGHJKB", None))
                self.assertEqual(event["recipients"], ["bob@us.test", "eve@us.test"])

    def test_one_whose_end_does_not_come_is_not_refused(self) -> None:
        events, talk = self.refused(Inbound(message_size=3000), b"DATA\r\n", b"x" * 4000)
        talk.go()
        self.assertEqual(events, [])


class NothingStaysTests(SynchronousTestCase):
    """Whatever refuses a message that has come: the spool is told at once, and once, to forget it."""

    def test_what_it_is(self) -> None:
        reject = rule('action = "reject"', 'subject = ["secret"]')
        for inbound, content, code in (
            (listening(reject), CONTENT, 550),
            (Inbound(message_size=10), CONTENT, 552),
            (Inbound(hops=1), b"Received: x\r\n" * 2 + CONTENT, 554),
            (Inbound(), b"a\0b\r\n.\r\n", 550),
        ):
            forgotten = inbound.forgotten()
            talk = send(inbound, content)
            self.assertEqual((talk.codes()[-1], len(forgotten), inbound.kept()), (code, 1, []))

    def test_rules_that_have_come_meanwhile(self) -> None:
        reject = rule('action = "reject"', 'subject = ["secret"]').replace("a rule", "other")
        for before in ("", rule('action = "reject"', 'body = ["x"]')):
            inbound = listening(before)
            forgotten = inbound.forgotten()
            talk = inbound.open()
            talk.say(ENVELOPE + b"DATA\r\n")
            inbound.factory.reconfigure(attrs.evolve(inbound.config, rulebook=load_rules(before + reject, "/etc")))
            talk.say(CONTENT)
            self.assertEqual((talk.codes()[-1], len(forgotten), inbound.kept()), (451, 1, []), before)

    def test_rules_that_cannot_be_asked(self) -> None:
        for text, code in (("", 421), (rule('action = "reject"', 'body = ["x"]'), 451)):
            inbound = listening(text)
            forgotten = inbound.forgotten()
            talk = inbound.open()
            talk.say(ENVELOPE + b"DATA\r\n")
            inbound.exchange(now=lambda: 1 // 0)
            talk.say(CONTENT)
            self.assertEqual((talk.codes()[-1], len(forgotten), inbound.kept()), (code, 1, []), text)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ContentTests(SynchronousTestCase):
    def test_refused_at_the_dot_leaves_nothing(self) -> None:
        inbound = listening(rule('action = "reject"', 'subject = ["secret"]'))
        talk = send(inbound)
        self.assertEqual((talk.codes()[-1], inbound.kept()), (550, []))
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"Subject: weather\r\n\r\n.\r\n")
        self.assertEqual((talk.codes()[-1], len(inbound.kept())), (250, 1))

    def test_rules_that_come_while_a_message_comes(self) -> None:
        """What was not looked at cannot be judged: the client comes again."""
        other = rule('action = "reject"', 'headers = { "X-Other" = ["x"] }').replace("a rule", "other")
        reject = rule('action = "reject"', 'subject = ["secret"]')
        spam = rule('action = "reject"', 'senders = ["spam.test"]').replace("a rule", "spam")
        for before in ("", other, spam):
            inbound = listening(before)
            talk = inbound.open()
            talk.say(ENVELOPE + b"DATA\r\n")
            config = attrs.evolve(inbound.config, rulebook=load_rules(before + reject, "/etc"))
            inbound.factory.reconfigure(config)
            talk.say(CONTENT)
            self.assertIn(b"451 4.7.1 Policy could not be checked", talk.client.heard)
            self.assertEqual(inbound.kept(), [])
            talk.say(ENVELOPE + b"DATA\r\n" + CONTENT)
            self.assertIn(b"550 5.7.1", talk.client.heard)

    def test_rules_that_go_while_a_message_comes(self) -> None:
        inbound = listening(rule('action = "reject"', 'subject = ["secret"]'))
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        inbound.factory.reconfigure(attrs.evolve(inbound.config, rulebook=load_rules("", "/etc")))
        talk.say(CONTENT)
        self.assertEqual((talk.codes()[-1], len(inbound.kept())), (250, 1))

    def test_held(self) -> None:
        inbound = listening(rule('action = "hold"', 'subject = ["secret"]'))
        send(inbound)
        (message,) = inbound.queue.messages
        self.assertEqual([each.state for each in message.recipients], [RecipientState.HELD])

    def test_what_is_demanded_by_the_content_is_stored_with_the_message(self) -> None:
        inbound = listening(rule('action = "force_tls"', 'subject = ["secret"]'))
        talk = inbound.open("192.0.2.200")
        for subject in (b"secret", b"weather"):
            talk.say(ENVELOPE.replace(b"bob@us.test", b"x@far.test") + b"DATA\r\n")
            talk.say(b"Subject: %s\r\n\r\n.\r\n" % subject)
        secret, weather = (each.envelope for each in inbound.queue.messages)
        self.assertEqual((secret.bound, weather.bound), (True, False))
        (demand,) = secret.options_of(Mailbox("x", "far.test")).demanded.demands
        self.assertIs(demand.level, Level.AUTHENTICATED)

    def test_redirected_and_copied(self) -> None:
        text = rule('action = "redirect", to = ["eve@us.test"]', 'recipients = ["bob@us.test"]')
        inbound = listening(text + rule('action = "bcc", to = ["audit@us.test"]').replace("a rule", "copy"))
        send(inbound)
        envelope = inbound.queue.messages[0].envelope
        self.assertEqual([str(each) for each in envelope.recipients], ["eve@us.test", "audit@us.test"])
        bob = Mailbox("bob", "us.test")
        self.assertEqual([envelope.options_of(each).stands_for for each in envelope.recipients], [(bob,), (bob,)])
        # The sender hears nothing of a copy.
        self.assertEqual([envelope.options_of(each).notify for each in envelope.recipients],
                         [frozenset(), frozenset({Notify.NEVER})])  # fmt: skip

    def test_headers_are_added_in_front(self) -> None:
        for content in (CONTENT, b"Subject: secret\r\n\r\n" + b"x" * 998 + b"\r\n.\r\n"):
            inbound = listening(rule('action = "add_header", name = "X-Seen", value = "yes"', 'subject = ["secret"]'))
            send(inbound, content)
            (kept,) = inbound.kept()
            self.assertIn(b"+0000\r\nX-Seen: yes\r\nSubject: ", kept)
            self.assertTrue(kept.endswith(content.removesuffix(b".\r\n")))

    def test_a_header_of_other_letters_is_encoded(self) -> None:
        inbound = listening(rule('action = "add_header", name = "X-Seen", value = "für alle"', 'subject = ["secret"]'))
        send(inbound, CONTENT)
        (kept,) = inbound.kept()
        self.assertIn(b"\r\nX-Seen: =?utf-8?b?ZsO8ciBhbGxl?=\r\nSubject: ", kept)

    def test_large_messages_are_not_held_back(self) -> None:
        inbound = listening(rule('action = "add_header", name = "X-Seen", value = "yes"', 'subject = ["secret"]'))
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\nSubject: secret\r\n\r\n")
        line = b"y" * 998 + b"\r\n"
        for _ in range(BOUNDS.looked_at // 1000 + 50):
            talk.say(line)
        session: Any = next(iter(inbound.factory.sessions.present))
        self.assertTrue(session._reception._inspection.begun)
        talk.say(b".\r\n")
        (kept,) = inbound.kept()
        self.assertIn(b"\r\nX-Seen: yes\r\nSubject: secret\r\n", kept)
        self.assertEqual(kept.count(line), BOUNDS.looked_at // 1000 + 50)

    def test_what_is_beyond_the_bound_is_not_refused(self) -> None:
        inbound = listening(rule('action = "reject"', 'body = ["hidden"]'))
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n\r\n")
        for _ in range(BOUNDS.looked_at // 1000 + 1):
            talk.say(b"y" * 998 + b"\r\n")
        talk.say(b"hidden\r\n.\r\n")
        self.assertEqual(talk.codes()[-1], 250)
        (note,) = inbound.queue.messages[0].envelope.rules
        self.assertEqual(note.answer, "cannot be told")
