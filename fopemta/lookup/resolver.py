"""DNS questions with one deadline, several servers, and a cache (shell)."""

from __future__ import annotations

from collections.abc import Sequence

import dns.exception
import dns.name
import dns.rdatatype
import dns.rrset
from twisted.internet.defer import Deferred, gatherResults, succeed
from zope.interface import implementer

from fopemta.answer import Absent, Answer, Found, Unavailable
from fopemta.interfaces import IMailReactor, IResolver
from fopemta.lookup.cache import ExpiringCache
from fopemta.lookup.exchange import ExchangeFailed, by_tcp, by_udp
from fopemta.lookup.question import Question, Response, read, truncated
from fopemta.mail.address import is_ip_address

_RECORDS = 20_000
_LONGEST_CHAIN = 8
# A failure is kept briefly, so that a burst of mail for one broken domain asks once.
_FAILURE_TTL = 5.0
# A server that failed goes to the end of the line for so long (C137).
_SERVER_REST = 30.0
_FIRST_TRY = 2.0

RRAnswer = Answer[dns.rrset.RRset]


@implementer(IResolver)
class Resolver:
    """Asks `nameservers` ((address, port) each, at least one); `timeout` seconds for one question in all."""

    def __init__(self, reactor: IMailReactor, nameservers: Sequence[tuple[str, int]], timeout: float) -> None:
        self._reactor = reactor
        self._servers = tuple(nameservers)
        self._timeout = timeout
        self._cache: ExpiringCache[Question, RRAnswer] = ExpiringCache(_RECORDS)
        self._asked: dict[Question, list[Deferred[RRAnswer]]] = {}
        self._resting: dict[tuple[str, int], float] = {}

    def exchangers(self, domain: str) -> Deferred[Answer[tuple[tuple[int, str], ...]]]:
        """See IResolver."""

        def read_mx(answer: RRAnswer) -> Answer[tuple[tuple[int, str], ...]]:
            if not isinstance(answer, Found):
                return answer
            return Found(tuple((each.preference, _text(each.exchange)) for each in answer.value), answer.authenticated)

        return self.ask(domain, dns.rdatatype.MX).addCallback(read_mx)

    def addresses(self, host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """See IResolver.  RFC 6761 6.3: "localhost" is the loopback address without asking anyone."""
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            return succeed(Found(("127.0.0.1", "::1")))
        if is_ip_address(name):
            return succeed(Found((name,)))
        both = gatherResults([self.ask(name, dns.rdatatype.A), self.ask(name, dns.rdatatype.AAAA)])
        return both.addCallback(_both_families)

    def ask(self, name: str, rdtype: dns.rdatatype.RdataType) -> Deferred[RRAnswer]:
        """The records of one type.  Identical questions under way share one exchange.  Does not fail."""
        try:
            question = Question.of(name, rdtype)
        except (dns.exception.DNSException, UnicodeError):
            return succeed(Absent(name_exists=False))
        known = self._cache.get(question, self._reactor.seconds())
        if known is not None:
            return succeed(known)
        waiting: Deferred[RRAnswer] = Deferred()
        if question in self._asked:
            self._asked[question].append(waiting)
        else:
            self._asked[question] = [waiting]
            Deferred.fromCoroutine(self._resolve(question)).addCallbacks(
                lambda answer: self._answered(question, answer),
                lambda failure: self._answered(question, Unavailable(f"asking failed ({failure.type.__name__})")),
            )
        return waiting

    def _answered(self, question: Question, answer: RRAnswer) -> None:
        for waiting in self._asked.pop(question):
            if not waiting.called:
                waiting.callback(answer)

    async def _resolve(self, question: Question) -> RRAnswer:
        """Follow CNAMEs that the servers did not follow, within one deadline, and keep the answer."""
        deadline = self._reactor.seconds() + self._timeout
        current, ttl = question, float("inf")
        for _ in range(_LONGEST_CHAIN):
            response = await self._ask_servers(current, deadline)
            ttl = min(ttl, response.ttl)
            if response.elsewhere is None:
                return self._keep(question, response.answer, ttl)
            current = Question(response.elsewhere, question.rdtype)
        return self._keep(question, Unavailable(f"the CNAMEs of {question.word} lead nowhere"), 0)

    def _keep(self, question: Question, answer: RRAnswer, ttl: float) -> RRAnswer:
        lifetime = _FAILURE_TTL if isinstance(answer, Unavailable) else ttl
        if lifetime > 0:
            self._cache.put(question, answer, self._reactor.seconds() + lifetime)
        return answer

    async def _ask_servers(self, question: Question, deadline: float) -> Response:
        reason = "no name server"
        patience = _FIRST_TRY
        while True:
            for server in self._in_order():
                left = deadline - self._reactor.seconds()
                if left <= 0:
                    return Response(Unavailable(reason), 0)
                response = await self._ask_server(server, question, min(patience, left), left)
                if not isinstance(response.answer, Unavailable):
                    self._resting.pop(server, None)
                    return response
                self._resting[server] = self._reactor.seconds() + _SERVER_REST
                reason = response.answer.reason
            # Everybody answered, with a failure: asking again at once would bring the same.
            if not reason.startswith("no answer"):
                return Response(Unavailable(reason), 0)
            patience *= 2

    async def _ask_server(self, server: tuple[str, int], question: Question, patience: float, left: float) -> Response:
        try:
            query = question.query()
            message = await by_udp(self._reactor, server, query, patience)
            if truncated(message):
                message = await by_tcp(self._reactor, server, query, left)
        except ExchangeFailed as failure:
            return Response(Unavailable(str(failure)), 0)
        return read(message, f"{server[0]}:{server[1]}")

    def _in_order(self) -> list[tuple[str, int]]:
        now = self._reactor.seconds()
        return sorted(self._servers, key=lambda server: self._resting.get(server, 0.0) > now)


def _both_families(answers: list[RRAnswer]) -> Answer[tuple[str, ...]]:
    found = [answer for answer in answers if isinstance(answer, Found)]
    if found:
        addresses = tuple(each.address for answer in found for each in answer.value)
        return Found(addresses, all(answer.authenticated for answer in found))
    for answer in answers:
        if isinstance(answer, Unavailable):
            return answer
    absent = [answer for answer in answers if isinstance(answer, Absent)]
    return Absent(all(each.authenticated for each in absent), any(each.name_exists for each in absent))


def _text(name: dns.name.Name) -> str:
    """Canonical form; the root is ""."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
