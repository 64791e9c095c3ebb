"""Every way in which a server may end, at each point: a message has been handed over exactly where the answer to its
end was heard whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.peers import Behaviour, Peer, PeerSession, StartTls
from fopemta.trust.verdict import Result
from tests.outbound.delivery import GOOD, Delivery

# What is answered before and under TLS, in order; without PIPELINING each command waits for the answer before it.
IN_CLEAR = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "end", "QUIT")
UNDER_TLS = ("greeting", "EHLO", "STARTTLS", "EHLO again", *IN_CLEAR[2:])


def _fin(wire: Any) -> None:
    wire.lose_raw()


def _half(wire: Any) -> None:
    wire.loseWriteConnection()


def _reset(wire: Any) -> None:
    wire.abortConnection()


def _good_bye(wire: Any) -> None:
    """Under TLS: close_notify, and the server waits for ours."""
    wire.loseConnection()


class Ending(Peer):
    """Ends each connection with its answer at `stage`, of which it says so many octets (None: all)."""

    def __init__(self, starttls: StartTls, stage: int, octets: int | None, end: Callable[[Any], None]) -> None:
        super().__init__(Behaviour(starttls=starttls, creator=GOOD, extensions=("8BITMIME",)))
        self.stage, self.octets, self.end = stage, octets, end
        self.ended = False

    def buildProtocol(self, addr: Any) -> Any:
        session = EndingSession(self)
        self.transcripts.append(session.transcript)
        return session


class EndingSession(PeerSession):
    def __init__(self, peer: Ending) -> None:
        super().__init__(peer)
        self.ending, self.said = peer, 0

    def _say(self, text: str) -> None:
        self.said += 1
        if self.said - 1 < self.ending.stage:
            super()._say(text)
        elif not self._mute:
            self.ending.ended = self._mute = True
            self._wire.write((text.encode() + b"\r\n")[: self.ending.octets])
            # Reset comes after what was said; all else is in order by itself.
            self._wire.clock.callLater(0.01, self.ending.end, self._wire)


class EndingTests(SynchronousTestCase):
    def outcome(self, ending: Ending) -> Result:
        delivery = Delivery(ending)
        (verdict,) = delivery.run(20)
        self.assertTrue(ending.ended)
        self.assertEqual(self.flushLoggedErrors(), [])
        return verdict.result

    def test_in_every_way_at_each_point(self) -> None:
        for starttls, stages in ((StartTls.NOT_OFFERED, IN_CLEAR), (StartTls.GOOD, UNDER_TLS)):
            for stage, name in enumerate(stages):
                for octets in (None, 0, 5):
                    for end in (_fin, _half, _reset, _good_bye):
                        handed_over = name == "QUIT" or (name == "end" and octets is None)
                        result = self.outcome(Ending(starttls, stage, octets, end))
                        expected = Result.DELIVERED if handed_over else Result.DEFERRED
                        self.assertIs(result, expected, (starttls, name, octets, end.__name__))
