"""Whole deliveries: kinds of server × demands → what is tried, and how it ends."""

from __future__ import annotations

import gc

import attrs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.answer import Unavailable
from fopemta.interfaces import ICourier
from fopemta.outbound.walk import Walk
from fopemta.testing.network import SILENT
from fopemta.testing.peers import Peer, StartTls
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.verdict import Result, VerdictRecord
from tests.outbound.delivery import (
    BOB,
    CONTENT,
    EVE,
    EXPIRED,
    ONLY_AES128,
    ONLY_CBC,
    ONLY_TLS10,
    OTHER_NAME,
    Delivery,
    peer,
)


def brief(verdict: VerdictRecord) -> str:
    return f"{verdict.result.value} {verdict.rung} {verdict.diagnosis}"


class LadderTests(SynchronousTestCase):
    maxDiff = None

    """R10, R11: kind of server × level → result, rung in use, diagnosis, connections."""

    def outcome(self, server: Peer, level: Level | None, seconds: float = 0) -> str:
        verdicts = Delivery(server, level=level).run(seconds)
        return f"{brief(verdicts[0])} {server.connections}"

    def test_whole_table(self) -> None:
        kinds = {
            "good": lambda: peer(),
            "aes128": lambda: peer(creator=ONLY_AES128),
            "cbc": lambda: peer(creator=ONLY_CBC),
            "tls10": lambda: peer(creator=ONLY_TLS10),
            "expired": lambda: peer(creator=EXPIRED),
            "name": lambda: peer(creator=OTHER_NAME),
            "none": lambda: peer(StartTls.NOT_OFFERED),
            "refused": lambda: peer(StartTls.REFUSED),
            "garbage": lambda: peer(StartTls.GARBAGE),
            "drop": lambda: peer(StartTls.DROP),
            "dropped later": lambda: peer(StartTls.DROP_AFTER_HELLO),
            "hang": lambda: peer(StartTls.HANG),
            "injected": lambda: peer(StartTls.INJECTED),
        }
        wanted = {
            "good": ("delivered strong256 None 1",) * 3,
            # R11: the strongest first, then the next below, a new connection each.
            "aes128": ("delivered strong128 None 2",) * 3,
            "cbc": ("delivered compatible None 3",) * 3,
            "tls10": ("delivered plain no_common_protocol 4", *("deferred compatible no_common_protocol 3",) * 2),
            # Judged, but not demanded, at levels below authenticated (R22).
            "expired": (*("delivered strong256 cert_expired 1",) * 2, "deferred strong256 cert_expired 1"),
            "name": (*("delivered strong256 name_mismatch 1",) * 2, "deferred strong256 name_mismatch 1"),
            # The same session goes on in plain.
            "none": ("delivered plain tls_not_offered 1", *("deferred plain tls_not_offered 1",) * 2),
            "refused": ("delivered plain tls_refused 1", *("deferred plain tls_refused 1",) * 2),
            # C023, C024: a bounded number of tries, then plain on a new connection.
            "garbage": ("delivered plain not_tls 2", *("deferred strong256 not_tls 1",) * 2),
            # The small hello once, then a rung down.
            "drop": ("delivered plain connection_dropped 6", *("deferred compatible connection_dropped 4",) * 2),
            "dropped later": (
                "delivered plain connection_dropped 6",
                *("deferred compatible connection_dropped 4",) * 2,
            ),
            # Three minutes are over before the last rung.
            "hang": ("delivered plain handshake_timeout 4", *("deferred strong128 handshake_timeout 3",) * 2),
            # C043: what stands in the clear behind the 220 ends the session.
            "injected": ("delivered plain not_tls 2", *("deferred strong256 not_tls 1",) * 2),
        }
        levels = (None, Level.ENCRYPT, Level.AUTHENTICATED)
        found = {
            kind: tuple(self.outcome(make(), level, 400 if kind == "hang" else 0) for level in levels)
            for kind, make in kinds.items()
        }
        self.assertEqual(found, wanted)

    def test_level_plain_never_begins_tls(self) -> None:
        server = peer()
        verdict = Delivery(server, level=Level.PLAIN).run()[0]
        self.assertEqual(brief(verdict), "delivered plain None")
        self.assertNotIn("STARTTLS", server.verbs[0])

    def test_no_mail_command_is_sent_before_a_good_verdict(self) -> None:
        for creator in (EXPIRED, OTHER_NAME):
            server = peer(creator=creator)
            Delivery(server, level=Level.AUTHENTICATED).run()
            self.assertEqual(server.verbs, [["EHLO", "STARTTLS", "EHLO", "QUIT"]])

    def test_fallback_says_when_plain_may_follow_a_failed_handshake(self) -> None:
        # attempt → result; plain text after the first deferral, or never.
        table = {
            Fallback.IMMEDIATE: ["delivered plain not_tls"],
            Fallback.AFTER_DEFERRAL: ["deferred strong256 not_tls", "delivered plain not_tls"],
            Fallback.NEVER: ["deferred strong256 not_tls", "deferred strong256 not_tls"],
        }
        for fallback, wanted in table.items():
            delivery = Delivery(peer(StartTls.GARBAGE), fallback=fallback)
            self.assertEqual([brief(delivery.run()[0]) for _ in wanted], wanted, fallback)

    def test_what_the_server_says_under_tls_never_leads_to_plain_text(self) -> None:
        for reply in ("421 4.3.2 later", "550 5.7.1 no", "rubbish", "250-mx", "\x00"):
            server = peer(after_tls={"EHLO": reply, "HELO": reply})
            verdict = Delivery(server).run(400)[0]
            self.assertEqual((verdict.result, server.messages), (Result.DEFERRED, []), reply)
            self.assertEqual(server.connections, 1, reply)

    def test_an_offer_is_not_lost_by_odd_line_ends(self) -> None:
        for reply in ("250-mx\r\r\n250-STARTTLS\r\r\n250 HELP\r", "250 mx\r\n250 starttls\0"):
            verdict = Delivery(peer(replies={"EHLO": reply}), level=Level.AUTHENTICATED).run(2)[0]
            self.assertEqual(brief(verdict), "delivered strong256 None", reply)

    def test_under_tls_helo_does_as_well(self) -> None:
        server = peer(after_tls={"EHLO": "502 5.5.1 no"})
        verdict = Delivery(server, level=Level.AUTHENTICATED).run()[0]
        self.assertEqual(brief(verdict), "delivered strong256 None")
        self.assertEqual(server.verbs[0][:4], ["EHLO", "STARTTLS", "EHLO", "HELO"])

    def test_fallback_never_holds_also_where_starttls_has_vanished(self) -> None:
        for fallback, wanted in ((Fallback.NEVER, "deferred"), (Fallback.IMMEDIATE, "delivered")):
            server = peer(creator=ONLY_AES128, starttls_once=True)
            verdict = Delivery(server, fallback=fallback).run()[0]
            self.assertEqual(verdict.result.value, wanted, fallback)

    def test_floor_of_the_ladder(self) -> None:
        server = peer(creator=ONLY_CBC)
        verdict = Delivery(server, level=Level.ENCRYPT, lowest_rung="strong128").run()[0]
        self.assertEqual(brief(verdict), "deferred strong128 no_common_cipher")

    def test_all_hosts_at_tls_before_any_in_plain(self) -> None:
        broken, good = peer(StartTls.GARBAGE), peer()
        verdict = Delivery(broken, good).run()[0]
        self.assertEqual((verdict.host, verdict.rung, verdict.downgraded), ("mx2.d.test", "strong256", False))
        self.assertEqual(broken.messages, [])

    def test_plain_begins_at_the_best_host(self) -> None:
        delivery = Delivery(peer(StartTls.GARBAGE), peer(StartTls.GARBAGE))
        verdict = delivery.run()[0]
        self.assertEqual((verdict.host, verdict.rung, verdict.downgraded), ("mx1.d.test", "plain", True))


class RecordTests(SynchronousTestCase):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(ICourier, Delivery(peer()).manager))

    def test_record_of_a_good_delivery(self) -> None:
        server = peer()
        verdict = Delivery(server, sender=Mailbox("a", "c.test")).run()[0]
        self.assertEqual(
            (verdict.result, verdict.code, verdict.enhanced, verdict.text),
            (Result.DELIVERED, 250, "2.0.0", "Ok: taken"),
        )
        self.assertEqual((verdict.host, verdict.address, verdict.port), ("mx1.d.test", "192.0.2.1", 25))
        self.assertEqual((verdict.protocol, verdict.cipher, verdict.bits), ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256))
        self.assertEqual((verdict.level, verdict.sources), ("opportunistic", ("default",)))
        self.assertEqual((verdict.authenticated, verdict.authenticated_by), (True, "pkix"))
        self.assertEqual((verdict.names, len(verdict.chain)), (("mx1.d.test",), 2))
        self.assertIsNotNone(verdict.group)
        self.assertEqual(server.messages[0].content, CONTENT)
        self.assertEqual(server.messages[0].tls, ("TLSv1.3", "TLS_AES_256_GCM_SHA384"))
        self.assertEqual((server.messages[0].sender, server.messages[0].recipients), ("a@c.test", ("bob@d.test",)))

    def test_refused_starttls_is_a_downgrade_on_record(self) -> None:
        # C026
        for reply in ("454 4.7.0 no", "500 what", "502 5.5.1 no", "554 5.7.3 no"):
            verdict = Delivery(peer(StartTls.REFUSED, replies={"STARTTLS": reply})).run()[0]
            self.assertEqual((brief(verdict), verdict.downgraded), ("delivered plain tls_refused", True), reply)

    def test_C026_421_to_starttls_is_the_hosts_fault(self) -> None:
        other = peer()
        server = peer(StartTls.REFUSED, replies={"STARTTLS": "421 4.3.2 later"})
        verdict = Delivery(server, other).run()[0]
        self.assertEqual(verdict.host, "mx2.d.test")

    def test_C185_wrong_name_is_named_in_words(self) -> None:
        verdict = Delivery(peer(creator=OTHER_NAME), level=Level.AUTHENTICATED).run()[0]
        self.assertEqual(verdict.text, "wanted mx1.d.test, found elsewhere.test")
        self.assertEqual((verdict.code, verdict.enhanced, verdict.sources), (451, "4.7.5", ("route",)))


class MemoryTests(SynchronousTestCase):
    def test_nothing_of_a_delivery_waits_for_the_collector_of_garbage(self) -> None:
        gc.collect()
        self.addCleanup(gc.enable)
        gc.disable()
        self.assertEqual(Delivery(peer()).run()[0].result, Result.DELIVERED)
        self.assertEqual([each for each in gc.get_objects() if type(each) is Walk], [])


class HostTests(SynchronousTestCase):
    def test_next_host_when_one_cannot_be_reached(self) -> None:
        verdict = Delivery(None, peer()).run()[0]
        self.assertEqual((verdict.result, verdict.host), (Result.DELIVERED, "mx2.d.test"))

    def test_nobody_there(self) -> None:
        table = {None: "deferred None connection_refused", SILENT: "deferred None connection_timeout"}
        self.assertEqual({server: brief(Delivery(server).run(31)[0]) for server in table}, table)

    def test_trouble_before_mail_is_the_hosts(self) -> None:
        for stage, reply in (
            ("greeting", "554 go away"),
            ("greeting", "421 later"),
            ("EHLO", "421 x"),
            ("MAIL", "451 x"),
        ):
            verdict = Delivery(peer(replies={stage: reply}), peer()).run()[0]
            self.assertEqual((verdict.result, verdict.host), (Result.DELIVERED, "mx2.d.test"), (stage, reply))

    def test_permanent_refusal_is_final_and_no_other_host_is_asked(self) -> None:
        for stage in ("MAIL", "RCPT", "DATA", "end"):
            other = peer()
            verdict = Delivery(peer(replies={stage: "550 5.7.1 not you"}), other).run()[0]
            self.assertEqual(brief(verdict), "failed strong256 refused_by_peer", stage)
            self.assertEqual((verdict.code, verdict.enhanced, verdict.text), (550, "5.7.1", "not you"))
            self.assertEqual(other.connections, 0)

    def test_what_a_server_said_tells_more_than_that_nobody_was_there(self) -> None:
        verdict = Delivery(peer(replies={"RCPT": "450 4.2.1 greylisted"}), None).run()[0]
        self.assertEqual((brief(verdict), verdict.text), ("deferred strong256 deferred_by_peer", "greylisted"))

    def test_C137_names_that_cannot_be_looked_up(self) -> None:
        delivery = Delivery(peer())
        delivery.resolver.mx["d.test"] = Unavailable("SERVFAIL")
        self.assertEqual(brief(delivery.run()[0]), "deferred None dns_unavailable")

    def test_C120_null_mx_is_final_without_any_connection(self) -> None:
        delivery = Delivery(peer())
        delivery.resolver.mx["d.test"] = ((0, ""),)
        verdict = delivery.run()[0]
        self.assertEqual((brief(verdict), verdict.code, verdict.enhanced), ("failed None null_mx", 556, "5.1.10"))
        self.assertEqual(delivery.network.dialled, [])

    def test_C121_our_own_name_as_best_mx(self) -> None:
        delivery = Delivery(peer())
        delivery.resolver.mx["d.test"] = ((0, "us.test"), (10, "mx1.d.test"))
        self.assertEqual(brief(delivery.run()[0]), "failed None loops_back")

    def test_C121_a_server_with_our_own_name_would_bring_it_back(self) -> None:
        ourselves = {"EHLO": "250 US.test at your service"}
        verdict = Delivery(peer(replies=ourselves)).run(1)[0]
        self.assertEqual((brief(verdict), verdict.enhanced), ("deferred plain loops_back", "4.4.6"))
        self.assertEqual(verdict.text, "US.test is our own name")
        self.assertEqual(Delivery(peer(replies=ourselves), peer()).run(1)[0].host, "mx2.d.test")


class RecipientTests(SynchronousTestCase):
    def test_each_recipient_has_its_own_fate(self) -> None:
        server = peer(recipients={"eve@d.test": "550 5.1.1 no Eve here"})
        bob, eve = Delivery(server, recipients=(BOB, EVE)).run()
        self.assertEqual((bob.result, eve.result, eve.text), (Result.DELIVERED, Result.FAILED, "no Eve here"))

    def test_one_refused_for_now_goes_on_to_the_next_host_alone(self) -> None:
        other = peer()
        server = peer(recipients={"eve@d.test": "450 4.2.1 later"})
        verdicts = Delivery(server, other, recipients=(BOB, EVE)).run()
        self.assertEqual([each.host for each in verdicts], ["mx1.d.test", "mx2.d.test"])
        self.assertEqual(other.messages[0].recipients, ("eve@d.test",))

    def test_C084_452_then_250_in_one_pipeline(self) -> None:
        server = peer(recipients={"bob@d.test": "452 4.5.3 too many"})
        bob, eve = Delivery(server, recipients=(BOB, EVE)).run()
        self.assertEqual((bob.result, eve.result), (Result.DEFERRED, Result.DELIVERED))

    def test_552_at_rcpt_means_later(self) -> None:
        verdict = Delivery(peer(replies={"RCPT": "552 5.5.3 too many recipients"})).run()[0]
        self.assertEqual((verdict.result, verdict.enhanced), (Result.DEFERRED, "4.5.3"))

    def test_without_pipelining_one_command_at_a_time(self) -> None:
        server = peer(extensions=("8BITMIME",), recipients={"eve@d.test": "550 no"})
        bob, eve = Delivery(server, recipients=(BOB, EVE)).run()
        self.assertEqual((bob.result, eve.result), (Result.DELIVERED, Result.FAILED))
        self.assertEqual(server.messages[0].content, CONTENT)

    def test_without_pipelining_a_refused_sender_ends_the_transaction(self) -> None:
        server = peer(extensions=(), replies={"MAIL": "550 5.1.8 no"})
        verdict = Delivery(server).run(5)[0]
        self.assertEqual((verdict.result, verdict.text), (Result.FAILED, "no"))
        self.assertEqual(server.verbs[0], ["EHLO", "STARTTLS", "EHLO", "MAIL", "RSET", "QUIT"])


class ConversationTests(SynchronousTestCase):
    def test_C041_helo_where_ehlo_is_unknown(self) -> None:
        for level, wanted in (
            (None, "delivered plain tls_not_offered"),
            (Level.ENCRYPT, "deferred plain tls_not_offered"),
        ):
            server = peer(replies={"EHLO": "502 5.5.1 what"})
            self.assertEqual(brief(Delivery(server, level=level).run()[0]), wanted)

    def test_C044_only_what_ehlo_says_inside_tls_counts(self) -> None:
        server = peer()
        Delivery(server).run(5)
        self.assertEqual(server.verbs[0], ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "(27", "QUIT"])

    def test_C086_garbage_does_not_shift_replies(self) -> None:
        verdict = Delivery(peer(replies={"MAIL": "hello there"}, starttls=StartTls.NOT_OFFERED)).run()[0]
        self.assertEqual(brief(verdict), "deferred plain protocol_error")

    def test_C024_C183_drop_at_each_stage_is_one_clean_deferral(self) -> None:
        for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"):
            verdict = Delivery(peer(StartTls.NOT_OFFERED, replies={stage: "drop"})).run()[0]
            self.assertEqual((verdict.result, verdict.diagnosis), (Result.DEFERRED, "conversation_dropped"), stage)

    def test_C183_after_the_dot_no_other_host_is_tried_in_the_same_attempt(self) -> None:
        other = peer()
        Delivery(peer(replies={"end": "drop"}), other).run()
        self.assertEqual(other.connections, 0)

    def test_every_wait_has_a_deadline(self) -> None:
        for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"):
            delivery = Delivery(peer(StartTls.NOT_OFFERED, replies={stage: ""}))
            verdict = delivery.run(700)[0]
            self.assertEqual((verdict.result, verdict.diagnosis), (Result.DEFERRED, "conversation_timeout"), stage)
            self.assertEqual(delivery.network.getDelayedCalls(), [])

    def test_C032_closed_without_goodbye_after_the_250(self) -> None:
        verdict = Delivery(peer(replies={"QUIT": "drop"})).run()[0]
        self.assertEqual(verdict.result, Result.DELIVERED)

    def test_C093_size_of_the_server(self) -> None:
        for size, result in (("0", "delivered"), ("", "delivered"), ("27", "delivered"), ("26", "failed")):
            verdict = Delivery(peer(extensions=(f"SIZE {size}",))).run()[0]
            self.assertEqual(verdict.result.value, result, size)

    def test_large_message_is_streamed_whole(self) -> None:
        content = b"".join(b"%07d\r\n.\r\n" % number for number in range(60_000))
        server = peer()
        self.assertEqual(Delivery(server, content=content).run(5)[0].result, Result.DELIVERED)
        self.assertEqual(server.messages[0].content, content)

    def test_large_message_is_read_anew_for_the_next_host(self) -> None:
        content = b"x" * 70 + b"\r\n"
        content *= 8000
        first, second = peer(replies={"end": "451 4.3.0 later"}), peer()
        self.assertEqual(Delivery(first, second, content=content).run(5)[0].host, "mx2.d.test")
        self.assertEqual(second.messages[0].content, content)


class FailsClosedTests(SynchronousTestCase):
    def test_a_fault_of_ours_defers(self) -> None:
        delivery = Delivery(peer())
        delivery.manager.context = attrs.evolve(delivery.manager.context, router=None)
        self.assertEqual(brief(delivery.run()[0]), "deferred None local_trouble")
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_evidence_that_cannot_be_read_is_refused_where_proof_is_demanded(self) -> None:
        class Blind:
            def __getattr__(self, name: str) -> object:
                return getattr(delivery_tls, name)

            def evidence(self, connection: object) -> object:
                return delivery_tls.evidence(None)  # type: ignore[arg-type]

        for level, wanted in ((None, "delivered"), (Level.AUTHENTICATED, "deferred")):
            server = peer()
            delivery = Delivery(server, level=level)
            delivery_tls = delivery.manager.context.tls
            delivery.manager.context = attrs.evolve(delivery.manager.context, tls=Blind())
            self.assertEqual(delivery.run()[0].result.value, wanted)
            self.assertEqual(len(server.messages), 1 if wanted == "delivered" else 0)
