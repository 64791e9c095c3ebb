"""DNS resolver (shell): one deadline for each question, several servers, and a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import dns.exception
import dns.rdatatype
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.ip import is_ip_address
from fopemta.answer import Absent, Answer, Found, Unavailable
from fopemta.dns.question import EXCHANGER, IPV4, IPV6, MOST_RECORDS, DnsKind, Question, Response, read
from fopemta.interfaces import IMailReactor, IResolver
from fopemta.lookup.cache import ExpiringCache
from fopemta.lookup.dns.datagrams import ConnectedDatagrams
from fopemta.lookup.dns.exchange import ExchangeFailed, NoAnswer, OpenDatagrams, Server, by_tcp, by_udp, text_of
from fopemta.lookup.dns.inquiry import Inquiry
from fopemta.lookup.dns.rotation import Rotation
from fopemta.lookup.together import together

T = TypeVar("T")
# A question in a form that is cheap to compare.
_Key = tuple[str, dns.rdatatype.RdataType]

# Cached answers plus records in them; each is at most 500 octets.
_KEPT = 50_000
# Each uses a socket; further questions wait.
_MOST_AT_ONCE = 250
_LONGEST_CHAIN = 8
# RFC 2308 7: a failure is cached briefly, so that a burst of mail for one broken domain asks once.
_FAILURE_TTL = 5.0
# Seconds that each server gets in the first round; they double with each round.
_FIRST_PATIENCE = 2.0


@implementer(IResolver)
class Resolver:
    """Asks `nameservers`, at least one, each an IP address and a port; `timeout` in seconds for a question in all.

    `validating`: the servers check DNSSEC and the path to them is secure, so their validation counts.  An answer of
    more than `records` is not read, but unavailable.  `kept` is the size of the cache, in answers plus their
    records.
    """

    def __init__(
        self,
        reactor: IMailReactor,
        nameservers: Sequence[Server],
        timeout: float,
        validating: bool = False,
        open_datagrams: OpenDatagrams = ConnectedDatagrams,
        records: int = MOST_RECORDS,
        kept: int = _KEPT,
    ) -> None:
        self._reactor = reactor
        self._servers = Rotation(nameservers)
        self._timeout = timeout
        self._validating = validating
        self._open_datagrams = open_datagrams
        self._records = records
        self._cache: ExpiringCache[_Key, Answer[Any]] = ExpiringCache(kept)
        self._under_way: dict[_Key, Inquiry[Answer[Any]]] = {}
        self._turns = DeferredSemaphore(_MOST_AT_ONCE)

    def exchangers(self, domain: str) -> Deferred[Answer[tuple[tuple[int, str], ...]]]:
        """See IResolver."""
        return self.ask(domain, EXCHANGER)

    def addresses(self, host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """See IResolver.  /etc/hosts is not read; "localhost" is the loopback address without a query (RFC 6761
        6.3).
        """
        name = host.removesuffix(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            return succeed(Found(("127.0.0.1", "::1")))
        if is_ip_address(name):
            return succeed(Found((name,)))
        return together([self.ask(name, IPV4), self.ask(name, IPV6)]).addCallback(_both_families)

    def ipv4_addresses(self, host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """See IResolver."""
        return self.ask(host, IPV4)

    def ask(self, name: str, kind: DnsKind[T]) -> Deferred[Answer[tuple[T, ...]]]:
        """The records of one kind.  Equal questions share one query.  Fails only if it is cancelled."""
        key = (name.removesuffix(".").lower(), kind.rdtype)
        known = self._cache.get(key, self._reactor.seconds())
        if known is not None:
            return succeed(known)
        inquiry = self._under_way.get(key)
        if inquiry is not None:
            return inquiry.join()
        word = _word(key[0], kind)
        inquiry = Inquiry(f"asking for {word}", Unavailable(f"{word} was not asked"), lambda: self._under_way.pop(key))
        self._under_way[key] = inquiry
        waiting = inquiry.join()
        inquiry.begin(Deferred.fromCoroutine(self._find(key, kind)))
        return waiting

    async def _find(self, key: _Key, kind: DnsKind[T]) -> Answer[tuple[T, ...]]:
        """Ask when a socket is free, and cache the answer."""
        deadline = self._reactor.seconds() + self._timeout
        turn = self._turns.acquire()
        if not turn.called:
            turn.addTimeout(self._timeout, self._reactor)
        try:
            await turn
        except defer.TimeoutError:
            return Unavailable("too many questions are under way")
        try:
            answer, ttl = await self._follow(key[0], kind, deadline)
        finally:
            self._turns.release()
        if isinstance(answer, Unavailable):
            ttl = _FAILURE_TTL
        if ttl > 0:
            weight = 1 + len(answer.value) if isinstance(answer, Found) else 1
            self._cache.put(key, answer, self._reactor.seconds() + ttl, weight)
        return answer

    async def _follow(self, name: str, kind: DnsKind[T], deadline: float) -> tuple[Answer[tuple[T, ...]], float]:
        """The answer and its validity in seconds; follows CNAMEs that the servers did not follow."""
        try:
            question = Question.of(name, kind)
        except (dns.exception.DNSException, UnicodeError):
            # A text that cannot be a DNS name does not exist.
            return Absent(name_exists=False), 0.0
        shortest = float("inf")
        for _ in range(_LONGEST_CHAIN):
            response = await self._ask_servers(question, deadline)
            shortest = min(shortest, response.ttl)
            if response.elsewhere is None:
                return response.answer, shortest
            question = Question(response.elsewhere, kind)
        excess = f"a chain of CNAMEs over more than {_LONGEST_CHAIN} answers"
        maillog.dns_bound_exceeded(_word(name, kind), "the name servers", excess)
        return Unavailable(f"the CNAMEs of {name} lead nowhere ({excess})"), 0.0

    async def _ask_servers(self, question: Question[T], deadline: float) -> Response[T]:
        """Ask the servers in order, and again with longer timeouts while one of them was silent and there is time."""
        reason, patience = "no time was left to ask", _FIRST_PATIENCE
        while True:
            silent = False
            for server in self._servers.in_order(self._reactor.seconds()):
                if self._reactor.seconds() >= deadline:
                    return Response(Unavailable(reason))
                try:
                    response = await self._ask_server(server, question, patience, deadline)
                except ExchangeFailed as failure:
                    self._servers.failed(server, str(failure), self._reactor.seconds())
                    reason = str(failure)
                    silent = silent or isinstance(failure, NoAnswer)
                    continue
                self._servers.answered(server)
                if not isinstance(response.answer, Unavailable):
                    return response
                reason = response.answer.reason
            if not silent:
                # Every server has answered; asking again at once would bring the same.
                return Response(Unavailable(reason))
            patience *= 2

    async def _ask_server(self, server: Server, question: Question[T], patience: float, deadline: float) -> Response[T]:
        """Raises ExchangeFailed."""
        query = question.query(self._validating, self._records)
        left = deadline - self._reactor.seconds()
        message = await by_udp(self._reactor, server, query, min(patience, left), self._open_datagrams)
        if message.truncated:
            left = max(deadline - self._reactor.seconds(), 0.0)
            message = await by_tcp(self._reactor, server, query, min(patience, left))
        if message.truncated:
            return Response(Unavailable(f"truncated answer by TCP from {text_of(server)}"))
        response = read(message, question.kind, text_of(server), self._validating)
        if response.excess:
            asked = _word(question.name.to_text(omit_final_dot=True), question.kind)
            maillog.dns_bound_exceeded(asked, text_of(server), response.excess)
        return response


def _word(name: str, kind: DnsKind[Any]) -> str:
    """The form of a question in logs and records: "MX example.org"."""
    return f"{dns.rdatatype.to_text(kind.rdtype)} {name}"


def _both_families(answers: list[Answer[tuple[str, ...]]]) -> Answer[tuple[str, ...]]:
    found = [answer for answer in answers if isinstance(answer, Found)]
    if found:
        addresses = tuple(address for answer in found for address in answer.value)
        return Found(addresses, all(answer.authenticated for answer in found))
    for answer in answers:
        if isinstance(answer, Unavailable):
            return answer
    absent = [answer for answer in answers if isinstance(answer, Absent)]
    return Absent(all(each.authenticated for each in absent), any(each.name_exists for each in absent))
