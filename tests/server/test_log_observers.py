"""How events look as text and as JSON."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Envelope, RuleNote, TlsSession
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.server.log_observers import JsonLog, LogOutlet, TextLog, json_line, text_line
from fopemta.trust.verdict import CertificateFacts, Result, VerdictRecord
from tests.server.test_log_file import Remembering

NOON = 1795584585.12

TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
ARRIVAL = Arrival("192.0.2.7", "client.example.org", "ESMTPS", TLS)
ENVELOPE = Envelope(Mailbox("alice", "example.org"), (Mailbox("bob", "example.net"),), arrival=ARRIVAL)
MESSAGE = QueuedMessage.fresh("0vyKfVczdK5G1f", NOON, 308, ENVELOPE)

VERDICT = VerdictRecord(
    time=NOON, message="0vyKfVczdK5G1f", sender="alice@example.org", recipient="bob@example.net", attempt=1,
    level="opportunistic", sources=("default",), host="mx1.example.net", address="192.0.2.1", port=25,
    rung="strong256", protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256, group="X25519",
    chain=(CertificateFacts("CN=mx1.example.net", "CN=ca", "1f", "2027-01-01T00:00:00.000Z", "ab" * 32),),
    names=("mx1.example.net",), authenticated=True, authenticated_by="pkix", result=Result.DELIVERED, code=250,
    enhanced="2.0.0", text='queued as "7"',
)  # fmt: skip


def a_failure() -> Failure:
    """A failure with a traceback, whose words would like to look like a log entry."""
    try:
        raise ValueError("bad\n2026-11-25T05:09:45.120Z - started hostname=evil")
    except ValueError:
        return Failure()


# One call of every function of maillog, and its line of text behind the time.
LINES: dict[str, tuple[Callable[[], None], str]] = {
    "accepted": (
        lambda: maillog.accepted(MESSAGE),
        "0vyKfVczdK5G1f accepted from=<alice@example.org> size=308 recipients=1 client=192.0.2.7"
        " helo=client.example.org with=ESMTPS tls=TLSv1.3 TLS_AES_256_GCM_SHA384 (256 bits)",
    ),
    "attempt": (
        lambda: maillog.attempt(VERDICT),
        "0vyKfVczdK5G1f delivered to=<bob@example.net> host=mx1.example.net[192.0.2.1]:25"
        " tls=strong256 TLSv1.3 TLS_AES_256_GCM_SHA384 (256 bits) X25519"
        ' cert="authenticated (MX name unproven)"'
        r' 250 2.0.0 "queued as \"7\""',
    ),
    "deferred": (
        lambda: maillog.deferred("0vyKfVczdK5G1f", 2, NOON),
        "0vyKfVczdK5G1f deferred recipients=2 next_try=2026-11-25T05:29:45.120Z",
    ),
    "finished": (
        lambda: maillog.finished("0vyKfVczdK5G1f", 1, 0),
        "0vyKfVczdK5G1f finished delivered=1 failed=0",
    ),
    "reported": (
        lambda: maillog.reported("0vyKfVczdK5G1f", "0vyKfVczdK5G2g", "alice@example.org", "failure"),
        "0vyKfVczdK5G1f reported report=0vyKfVczdK5G2g recipient=alice@example.org kind=failure",
    ),
    "not_reported": (
        lambda: maillog.not_reported("0vyKfVczdK5G1f", "the sender is null"),
        '0vyKfVczdK5G1f warning: not_reported why="the sender is null"',
    ),
    "demand_lowered": (
        lambda: maillog.demand_lowered("0vyKfVczdK5G1f", "bob@example.net", "authenticated", "encrypt", None),
        "0vyKfVczdK5G1f warning: demand_lowered recipient=bob@example.net before=authenticated after=encrypt",
    ),
    "stood_still": (
        lambda: maillog.stood_still("0vyKfVczdK5G1f"),
        "0vyKfVczdK5G1f error: stood_still",
    ),
    "not_permitted": (
        lambda: maillog.not_permitted("0vyKfVczdK5G1f", "example.net", "demand_changed", "it has changed"),
        '0vyKfVczdK5G1f warning: not_permitted destination=example.net diagnosis=demand_changed why="it has changed"',
    ),
    "rule_unsure": (
        lambda: maillog.rule_unsure("0vyKfVczdK5G1f", "bob@example.net", "rule bank: it cannot be read now"),
        '0vyKfVczdK5G1f warning: rule_unsure recipient=bob@example.net why="rule bank: it cannot be read now"',
    ),
    "ordered": (
        lambda: maillog.ordered("0vyKfVczdK5G1f", "release", ("bob@example.net",), "call 7", "alice", True),
        '0vyKfVczdK5G1f ordered order=release recipients="bob@example.net" reason="call 7" by=alice override_tls=True',
    ),
    "postmaster_unreachable": (
        lambda: maillog.postmaster_unreachable("0vyKfVczdK5G1f", "postmaster@example.org", "no such user"),
        '0vyKfVczdK5G1f error: postmaster_unreachable recipient=postmaster@example.org why="no such user"',
    ),
    "mailbox_trouble": (
        lambda: maillog.mailbox_trouble("0vyKfVczdK5G1f", "/mail/bob", "Disk quota exceeded"),
        '0vyKfVczdK5G1f error: mailbox_trouble path=/mail/bob why="Disk quota exceeded"',
    ),
    "connected": (
        lambda: maillog.connected("192.0.2.7", "tcp:25"),
        "- connected client=192.0.2.7 listener=tcp:25",
    ),
    "disconnected": (
        lambda: maillog.disconnected("192.0.2.7", "Connection was closed cleanly.", 6, 1),
        '- disconnected client=192.0.2.7 why="Connection was closed cleanly." commands=6 messages=1',
    ),
    "tls_started": (
        lambda: maillog.tls_started("192.0.2.7", TLS),
        "- tls_started client=192.0.2.7 protocol=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256",
    ),
    "tls_failed": (
        lambda: maillog.tls_failed("192.0.2.7", "no shared cipher"),
        '- tls_failed client=192.0.2.7 why="no shared cipher"',
    ),
    "refused": (
        lambda: maillog.refused("192.0.2.7", "RCPT", 550, "5.7.1", "Relaying denied", "x@example.com"),
        '- refused client=192.0.2.7 stage=RCPT subject=x@example.com code=550 enhanced=5.7.1 text="Relaying denied"',
    ),
    "message_refused": (
        lambda: maillog.message_refused(
            "BCDFGHJK",
            attrs.evolve(ENVELOPE, recipients=tuple(Mailbox(f"u{n}", "b.test") for n in range(21))),
            Reply.of(550, "5.7.1", "Not here"),
            "no secrets",
        ),
        'BCDFGHJK message_refused client=192.0.2.7 sender=alice@example.org recipients="'
        + "; ".join(f"u{n}@b.test" for n in range(20))
        + '; and 1 more" code=550 enhanced=5.7.1 text="Not here" rule="no secrets"',
    ),
    "logged_in": (
        lambda: maillog.logged_in("192.0.2.7", "SCRAM-SHA-256", "alice"),
        "- logged_in client=192.0.2.7 mechanism=SCRAM-SHA-256 name=alice",
    ),
    "login_failed": (
        lambda: maillog.login_failed("192.0.2.7", "PLAIN", "al\nice" + "x" * 200, "wrong password", 3),
        rf'- login_failed client=192.0.2.7 mechanism=PLAIN name="al\nice{"x" * 122}" why="wrong password" failures=3',
    ),
    "login_put_off": (
        lambda: maillog.login_put_off("192.0.2.7", "PLAIN", "alice", "too many failed logins"),
        '- warning: login_put_off client=192.0.2.7 mechanism=PLAIN name=alice why="too many failed logins"',
    ),
    "users_read": (
        lambda: maillog.users_read("/etc/fopemta/users", 7),
        "- users_read path=/etc/fopemta/users users=7",
    ),
    "users_refused": (
        lambda: maillog.users_refused(["/etc/fopemta/users: line 3: needs password= once"]),
        '- error: users_refused errors="/etc/fopemta/users: line 3: needs password= once"',
    ),
    "called_out": (
        lambda: maillog.called_out("bob@d.test", "unknown", "greylisted"),
        "- called_out recipient=bob@d.test answer=unknown why=greylisted",
    ),
    "recipients_read": (
        lambda: maillog.recipients_read("/etc/fopemta/aliases", 7),
        "- recipients_read path=/etc/fopemta/aliases entries=7",
    ),
    "recipients_refused": (
        lambda: maillog.recipients_refused(["/etc/fopemta/aliases: line 3: a has no targets"]),
        '- error: recipients_refused errors="/etc/fopemta/aliases: line 3: a has no targets"',
    ),
    "callouts_not_kept": (
        lambda: maillog.callouts_not_kept("/state/recipients.sqlite", "disk full"),
        '- warning: callouts_not_kept path=/state/recipients.sqlite why="disk full"',
    ),
    "cut_off": (
        lambda: maillog.cut_off("2001:db8::7", "timeout"),
        "- cut_off client=2001:db8::7 why=timeout",
    ),
    "recovered": (lambda: maillog.recovered(7, 0.256), "- recovered messages=7 seconds=0.26"),
    "corrupt": (
        lambda: maillog.corrupt("deferred/1", "checksum"),
        "- error: corrupt what=deferred/1 why=checksum",
    ),
    "destination_rests": (
        lambda: maillog.destination_rests("example.net", 29.7, "connection_refused", "nobody listens"),
        '- destination_rests destination=example.net seconds=29.70 diagnosis=connection_refused why="nobody listens"',
    ),
    "destination_answers": (
        lambda: maillog.destination_answers("example.net"),
        "- destination_answers destination=example.net",
    ),
    "dropped_unacknowledged": (
        lambda: maillog.dropped_unacknowledged("intake/1.log", 2),
        "- warning: dropped_unacknowledged where=intake/1.log records=2",
    ),
    "spool_trouble": (
        lambda: maillog.spool_trouble("No space left on device"),
        '- error: spool_trouble why="No space left on device"',
    ),
    "spool_well_again": (maillog.spool_well_again, "- warning: spool_well_again"),
    "started": (
        lambda: maillog.started("mx.example.org", "0.1.0"),
        "- started hostname=mx.example.org version=0.1.0",
    ),
    "listening": (
        lambda: maillog.listening("tcp:25", "mx", "opportunistic"),
        "- listening endpoint=tcp:25 kind=mx tls=opportunistic",
    ),
    "stopping": (lambda: maillog.stopping(3), "- stopping sessions=3"),
    "stopped": (maillog.stopped, "- stopped"),
    "reloaded": (lambda: maillog.reloaded("/etc/a b.toml"), '- reloaded what="/etc/a b.toml"'),
    "needs_restart": (
        lambda: maillog.needs_restart(["node.spool", "dns.timeout"]),
        '- warning: needs_restart keys="node.spool; dns.timeout"',
    ),
    "caution": (
        lambda: maillog.caution("relay.networks[0]", "anyone may relay"),
        '- warning: caution key=relay.networks[0] what="anyone may relay"',
    ),
    "not_started": (
        lambda: maillog.not_started("port taken"),
        '- error: not_started why="port taken"',
    ),
    "worker_started": (
        lambda: maillog.worker_started(2, 4711),
        "- worker_started worker=2 pid=4711",
    ),
    "worker_ended": (
        lambda: maillog.worker_ended(2, 4711, "signal 9", 0.25),
        '- error: worker_ended worker=2 pid=4711 why="signal 9" wait=0.25',
    ),
    "worker_silent": (
        lambda: maillog.worker_silent(2, 4711),
        "- error: worker_silent worker=2 pid=4711",
    ),
    "worker_behind": (
        lambda: maillog.worker_behind(2),
        "- error: worker_behind worker=2",
    ),
    "workers_stopping": (
        lambda: maillog.workers_stopping(4),
        "- workers_stopping workers=4",
    ),
    "workers_killed": (
        lambda: maillog.workers_killed(),
        "- error: workers_killed",
    ),
    "reload_failed": (
        lambda: maillog.reload_failed(["node.spol: is not known"]),
        '- error: reload_failed errors="node.spol: is not known"',
    ),
    "dns_bound_exceeded": (
        lambda: maillog.dns_bound_exceeded("MX d.test", "192.0.2.53:53", "3100 records"),
        '- warning: dns_bound_exceeded question="MX d.test" server=192.0.2.53:53 bound="3100 records"',
    ),
    "fetch_bound_exceeded": (
        lambda: maillog.fetch_bound_exceeded("crl.test", "more than 100 header lines"),
        '- warning: fetch_bound_exceeded host=crl.test bound="more than 100 header lines"',
    ),
    "reply_bound_exceeded": (
        lambda: maillog.reply_bound_exceeded("192.0.2.1", 800000),
        "- warning: reply_bound_exceeded server=192.0.2.1 octets=800000",
    ),
    "name_server_failing": (
        lambda: maillog.name_server_failing("192.0.2.53:53", "no answer within 2.0 s"),
        '- warning: name_server_failing server=192.0.2.53:53 why="no answer within 2.0 s"',
    ),
    "name_server_works_again": (
        lambda: maillog.name_server_works_again("[2001:db8::53]:53"),
        "- name_server_works_again server=[2001:db8::53]:53",
    ),
    "rule_applied": (
        lambda: maillog.rule_applied("ID1", RuleNote("bank", "hold", "test", "yes", "subject has x")),
        'ID1 rule_applied rule=bank action=hold mode=test answer=yes why="subject has x"',
    ),
    "content_bound_exceeded": (
        lambda: maillog.content_bound_exceeded("ID1", "parts"),
        "ID1 warning: content_bound_exceeded bound=parts",
    ),
    "blocklist_failing": (
        lambda: maillog.blocklist_failing("zen.test", "SERVFAIL"),
        "- warning: blocklist_failing zone=zen.test why=SERVFAIL",
    ),
    "blocklist_works_again": (
        lambda: maillog.blocklist_works_again("zen.test"),
        "- blocklist_works_again zone=zen.test",
    ),
    "revocation_unreachable": (
        lambda: maillog.revocation_unreachable("c.test: SERVFAIL"),
        '- warning: revocation_unreachable why="c.test: SERVFAIL"',
    ),
    "own_certificate_revoked": (
        lambda: maillog.own_certificate_revoked("CN=mx", "c.test: revoked"),
        '- error: own_certificate_revoked subject="CN=mx" why="c.test: revoked"',
    ),
    "staple_unavailable": (
        lambda: maillog.staple_unavailable("CN=mx", "c.test: SERVFAIL", demanded=True),
        '- warning: staple_unavailable subject="CN=mx" why="c.test: SERVFAIL" demanded=True',
    ),
    "staple_available": (lambda: maillog.staple_available("CN=mx"), '- staple_available subject="CN=mx"'),
    "revocation_reachable": (lambda: maillog.revocation_reachable(), "- revocation_reachable"),
    "drop_collected": (
        lambda: maillog.drop_collected("0vyKfVczdK5G1f", 1000),
        "0vyKfVczdK5G1f drop_collected uid=1000",
    ),
    "drop_refused": (
        lambda: maillog.drop_refused("0vyKfVczdK5G1f", 0, [("a@us.test", Reply.of(550, "5.1.1", "No"))] * 22),
        f'0vyKfVczdK5G1f warning: drop_refused uid=0 refused="{"<a@us.test>: 550 5.1.1 No; " * 20}and 2 more"',
    ),
    "drop_kept": (
        lambda: maillog.drop_kept("0vyKfVczdK5G1f", "450 4.1.1 Later"),
        '0vyKfVczdK5G1f warning: drop_kept why="450 4.1.1 Later"',
    ),
    "drop_damaged": (
        lambda: maillog.drop_damaged("0vyKfVczdK5G1f", "it ends too early"),
        '0vyKfVczdK5G1f warning: drop_damaged why="it ends too early"',
    ),
    "drop_trouble": (
        lambda: maillog.drop_trouble("No space left on device"),
        '- error: drop_trouble why="No space left on device"',
    ),
    "crl_not_kept": (
        lambda: maillog.crl_not_kept("http://c.test/1", "No space left on device"),
        '- warning: crl_not_kept url=http://c.test/1 why="No space left on device"',
    ),
    "certificate_refused": (
        lambda: maillog.certificate_refused("/c.pem: no such file"),
        '- error: certificate_refused why="/c.pem: no such file"',
    ),
    "roots_refused": (
        lambda: maillog.roots_refused("/r.pem: no such file"),
        '- error: roots_refused why="/r.pem: no such file"',
    ),
    "certificate_made": (
        lambda: maillog.certificate_made("/state/self-signed.pem"),
        "- warning: certificate_made path=/state/self-signed.pem",
    ),
}

# These bring a traceback along and are tested for themselves.
FAILURES = {"background_failure", "failed_unexpectedly"}


def caught(call: Callable[[], None]) -> LogEvent:
    """The one event that `call` logs, at a fixed time."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    wanted, maillog.detail.wanted = maillog.detail.wanted, True
    try:
        call()
    finally:
        maillog.detail.wanted = wanted
        globalLogPublisher.removeObserver(events.append)
    [event] = events
    # Trial's own observer is a legacy one and has seen the event first.
    for each in (event, event["log_legacy"].event):
        each["log_time"] = NOON
    return event


class EveryEventTests(SynchronousTestCase):
    def test_every_function_of_maillog_is_here(self) -> None:
        functions = {name for name, each in inspect.getmembers(maillog, inspect.isfunction)
                     if each.__module__ == maillog.__name__ and not name.startswith("_")}  # fmt: skip
        self.assertEqual(functions - FAILURES, set(LINES))

    def test_text_of_every_event(self) -> None:
        for name, (call, line) in LINES.items():
            self.assertEqual(text_line(caught(call)), f"2026-11-25T05:29:45.120Z {line}", name)

    def test_json_of_every_event(self) -> None:
        for name, (call, _) in LINES.items():
            plain = json.loads(json_line(caught(call)))
            self.assertEqual((plain["event"], plain["time"]), (name, "2026-11-25T05:29:45.120Z"))

    def test_bug_has_its_traceback_and_nothing_that_looks_like_an_entry(self) -> None:
        event = caught(lambda: maillog.background_failure("counting", a_failure()))
        self.flushLoggedErrors(ValueError)
        first, *more = text_line(event).split("\n")
        self.assertEqual(first, "2026-11-25T05:29:45.120Z - error: background_failure doing=counting")
        self.assertIn("ValueError: bad", "\n".join(more))
        self.assertTrue(all(line.startswith("    ") for line in more), more)
        plain = json.loads(json_line(event))
        self.assertIn("ValueError: bad", plain["traceback"])


class AttemptTests(SynchronousTestCase):
    def test_json_has_the_fields_of_the_verdict_record(self) -> None:
        plain = json.loads(json_line(caught(lambda: maillog.attempt(VERDICT))))
        self.assertEqual(plain.pop("event"), "attempt")
        self.assertEqual(list(plain), [field.name for field in attrs.fields(VerdictRecord)])
        self.assertEqual((plain["result"], plain["bits"], plain["resumed"]), ("delivered", 256, None))

    def test_each_kind_of_end(self) -> None:
        later = NOON + 300
        self.assertEqual(
            {
                name: text_line(caught(lambda changes=changes: maillog.attempt(attrs.evolve(VERDICT, **changes))))
                .partition("0vyKfVczdK5G1f ")[2]
                for name, changes in {
                    "self-signed": {"authenticated": False, "diagnosis": "self_signed", "text": "ok"},
                    "plain": _NO_TLS | {"rung": "plain", "diagnosis": None, "downgraded": True, "text": "ok"},
                    "deferred": _NO_TLS | {
                        "rung": None, "host": None, "result": Result.DEFERRED, "code": 451, "enhanced": "4.4.1",
                        "diagnosis": "connection_timeout", "attempt": 3, "next_try": later, "text": "no answer",
                    },
                    "no host": _NO_TLS | {
                        "rung": None, "host": None, "address": None, "result": Result.FAILED, "code": 550,
                        "enhanced": "5.1.2", "diagnosis": "domain_not_found", "text": "unknown",
                    },
                    "no handshake": _NO_TLS | {
                        "rung": "compatible", "result": Result.DEFERRED, "code": 451, "enhanced": "4.7.5",
                        "diagnosis": "connection_dropped", "next_try": later, "text": "closed",
                    },
                    "untrusted": {
                        "authenticated": False, "diagnosis": "untrusted_root", "result": Result.DEFERRED,
                        "code": 451, "enhanced": "4.7.5", "text": "not proven", "next_try": later,
                    },
                }.items()
            },
            {
                "self-signed": "delivered to=<bob@example.net> host=mx1.example.net[192.0.2.1]:25 tls=strong256 TLSv1.3"
                ' TLS_AES_256_GCM_SHA384 (256 bits) X25519 cert=self_signed 250 2.0.0 "ok"',
                "plain": "delivered to=<bob@example.net> host=mx1.example.net[192.0.2.1]:25 tls=plain downgraded"
                ' 250 2.0.0 "ok"',
                "deferred": "deferred to=<bob@example.net> host=[192.0.2.1]:25 attempt=3 diagnosis=connection_timeout"
                ' next_try=2026-11-25T05:34:45.120Z 451 4.4.1 "no answer"',
                "no host": "failed to=<bob@example.net> attempt=1 diagnosis=domain_not_found"
                ' 550 5.1.2 "unknown"',
                "no handshake": "deferred to=<bob@example.net> host=mx1.example.net[192.0.2.1]:25 tried=compatible"
                ' attempt=1 diagnosis=connection_dropped next_try=2026-11-25T05:34:45.120Z 451 4.7.5 "closed"',
                "untrusted": "deferred to=<bob@example.net> host=mx1.example.net[192.0.2.1]:25 tls=strong256 TLSv1.3"
                " TLS_AES_256_GCM_SHA384 (256 bits) X25519 cert=unproven attempt=1 diagnosis=untrusted_root"
                ' next_try=2026-11-25T05:34:45.120Z 451 4.7.5 "not proven"',
            },
        )  # fmt: skip


_NO_TLS: dict[str, Any] = {
    "protocol": None, "cipher": None, "bits": None, "group": None, "chain": (), "authenticated": None,
}  # fmt: skip


class InjectionTests(SynchronousTestCase):
    """What strangers say cannot begin a line, or hide one."""

    EVIL = 'x\n2026-11-25T05:09:45.120Z - started hostname=evil\r\x1b[2K\u2028\u202e\x85"'

    def test_text_stays_on_its_line(self) -> None:
        for call in (
            lambda: maillog.attempt(attrs.evolve(VERDICT, text=self.EVIL, recipient=self.EVIL, host=self.EVIL)),
            lambda: maillog.refused(self.EVIL, "RCPT", 550, "5.7.1", self.EVIL, self.EVIL),
            lambda: maillog.tls_failed("192.0.2.7", self.EVIL),
            lambda: maillog.message_refused("BCDFGHJK", attrs.evolve(
                ENVELOPE, sender=Mailbox(self.EVIL, "a.test"), recipients=(Mailbox(self.EVIL, "b.test"),)),
                Reply(550, "5.7.1", (self.EVIL,)), self.EVIL),
            lambda: maillog.accepted(attrs.evolve(MESSAGE, envelope=attrs.evolve(
                ENVELOPE, sender=Mailbox(self.EVIL, "example.org"), arrival=attrs.evolve(ARRIVAL, helo=self.EVIL)))),
        ):  # fmt: skip
            line = text_line(caught(call))
            self.assertTrue(line.isprintable(), line)
            self.assertEqual(len(line.splitlines()), 1)

    def test_quotes_close_where_we_close_them(self) -> None:
        line = text_line(caught(lambda: maillog.tls_failed("192.0.2.7", 'a" code=250 b\\')))
        self.assertTrue(line.endswith(r'why="a\" code=250 b\\"'), line)

    def test_json_is_one_line_of_ascii(self) -> None:
        line = json_line(caught(lambda: maillog.tls_failed("192.0.2.7", self.EVIL)))
        self.assertEqual((len(line.splitlines()), line.isascii()), (1, True))
        self.assertEqual(json.loads(line)["why"], self.EVIL)

    def test_foreign_events_too(self) -> None:
        event = caught(lambda: Logger(namespace="other").info("{what}", what=self.EVIL))
        first, *more = text_line(event).split("\n")
        self.assertEqual(first, "2026-11-25T05:29:45.120Z - [other] x")
        self.assertTrue(all(line.startswith("    ") and line.isprintable() for line in more), more)


class ForeignTests(SynchronousTestCase):
    def test_what_twisted_says(self) -> None:
        event = caught(lambda: Logger(namespace="twisted.web").warn("{n} left", n=3))
        self.assertEqual(text_line(event), "2026-11-25T05:29:45.120Z - warning: [twisted.web] 3 left")
        plain = json.loads(json_line(event))
        self.assertEqual(
            plain,
            {
                "event": "other", "time": "2026-11-25T05:29:45.120Z", "level": "warn", "namespace": "twisted.web",
                "text": "3 left",
            },
        )  # fmt: skip

    def test_foreign_failure_has_its_traceback(self) -> None:
        event = caught(lambda: Logger(namespace="other").failure("oh", failure=a_failure()))
        self.flushLoggedErrors(ValueError)
        self.assertIn("ValueError: bad", text_line(event))
        self.assertIn("ValueError: bad", json.loads(json_line(event))["traceback"])

    def test_event_that_cannot_be_rendered_is_told_as_such(self) -> None:
        output = Remembering()
        TextLog(output)({"event": "attempt", "log_level": LogLevel.info, "log_time": NOON})
        self.assertEqual(output.writes, ['{"event":"unloggable","why":"KeyError"}\n'])


class ObserverTests(SynchronousTestCase):
    def test_are_log_observers(self) -> None:
        for observer in (TextLog(Remembering()), JsonLog(Remembering()), LogOutlet()):
            self.assertTrue(verifyObject(ILogObserver, observer))

    def test_debug_is_written_where_it_is_wanted(self) -> None:
        event = caught(lambda: maillog.connected("192.0.2.7", "tcp:25"))
        for kind in (TextLog, JsonLog):
            quiet, loud = Remembering(), Remembering()
            kind(quiet)(event)
            kind(loud, debug=True)(event)
            self.assertEqual((len(quiet.writes), len(loud.writes)), (0, 1))

    def test_outlet_keeps_what_comes_before_it_is_open(self) -> None:
        outlet, output = LogOutlet(), Remembering()
        outlet(caught(maillog.stopped))
        observer = TextLog(output)
        outlet.open([observer])
        outlet(caught(lambda: maillog.stopping(0)))
        self.assertEqual([line.split()[2] for line in output.writes], ["stopped", "stopping"])
        self.assertEqual(outlet.files, [observer.file])

    def test_time_is_the_one_of_the_event(self) -> None:
        moments = (0.0, 0.9996, 1.5, NOON, 1.5, time.time())
        for moment in moments:
            event = {"event": "stopped", "log_level": LogLevel.info, "log_time": moment}
            whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(moment)))
            self.assertTrue(text_line(event).startswith(whole + "."), moment)
