"""Fetch over plain HTTP (shell): bounded in size and time, and only from permitted addresses.

The objects are signed (CRLs, OCSP responses); their URLs come from certificates, so from strangers.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.error import TimeoutError as NotConnectedInTime
from twisted.internet.interfaces import IConsumer, IReactorTCP, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import Agent, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.ip import is_ip_address
from fopemta.answer import Absent, Answer, Found, Unavailable
from fopemta.config.model import Fetch
from fopemta.interfaces import IFetcher, IResolver
from fopemta.lookup.http_body import body_of, discard
from fopemta.lookup.http_bounds import LARGEST_HEAD, BoundedEndpoint, Bounds, FetchPlaces
from fopemta.routing.public_address import Reach

_MOST_REDIRECTS = 3
_MOST_ADDRESSES = 3
_CONNECT_TIMEOUT = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_LONGEST_URL = 2000
# Simultaneous fetches: in all, from one host, and their bodies in units of the largest permitted.
_MOST_AT_ONCE = 100
_MOST_OF_ONE_HOST = 8
_MOST_BODIES = 4
# A chunk of a few octets costs as much again for its framing; servers send chunks of thousands.
_WRAPPING = 2


@attrs.frozen
class _Request:
    """The method, with `body` and its media type for POST."""

    body: bytes | None = None
    media_type: str = ""
    largest: int = 0


class _NotFetched(Exception):
    """The reason of a failed fetch, for the operator."""


@implementer(IFetcher)
class Fetcher:
    """Names are resolved by `resolver`; addresses that are not public, or are this machine's `own`, are permitted only
    if `private`.

    A proxy decides by itself which hosts it connects to; an address in the URL is checked all the same.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        resolver: IResolver,
        settings: Fetch,
        private: bool,
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._reactor = reactor
        self._clock = IReactorTime(reactor)
        self._resolver = resolver
        self._settings = settings
        self._reach = None if private else Reach(own=own)
        self._places = FetchPlaces(_MOST_AT_ONCE, _MOST_OF_ONE_HOST, _MOST_BODIES * settings.largest)

    def get(self, url: str) -> Deferred[Answer[bytes]]:
        """See IFetcher."""
        return self._bounded(url, _Request(largest=self._settings.largest))

    def post(self, url: str, body: bytes, media_type: str, largest: int) -> Deferred[Answer[bytes]]:
        """See IFetcher."""
        return self._bounded(url, _Request(body, media_type, min(largest, self._settings.largest)))

    def _bounded(self, url: str, request: _Request) -> Deferred[Answer[bytes]]:
        timeout = self._settings.timeout
        work = Deferred.fromCoroutine(self._fetched(url, request))
        late = self._clock.callLater(timeout, work.cancel)

        def give_up(answer: Deferred[Answer[bytes]]) -> None:
            # First, so that the result of cancelling the Agent does not count as the answer.
            answer.errback(CancelledError())
            late.cancel()
            work.cancel()

        def ended(found: Answer[bytes] | Failure) -> None:
            if answer.called:
                return
            if late.active():
                late.cancel()
                answer.callback(found)
            else:
                answer.callback(Unavailable(f"{_host(url)}: not fetched within {timeout:g} s"))

        answer: Deferred[Answer[bytes]] = Deferred(give_up)
        work.addBoth(ended)
        return answer

    async def _fetched(self, url: str, request: _Request) -> Answer[bytes]:
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                found = await self._in_its_place(url, request)
                if not isinstance(found, _Elsewhere):
                    return found
                url = found.url
            return Unavailable(f"{_host(url)}: more than {_MOST_REDIRECTS} redirects")
        except _NotFetched as why:
            return Unavailable(str(why))
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  what a stranger's HTTP can do has no end
            return Unavailable(f"{_host(url)}: {_words(error)}")

    async def _in_its_place(self, url: str, request: _Request) -> Answer[bytes] | _Elsewhere:
        parts = _checked(url)
        host = parts.hostname or ""
        await self._places.enter(host)
        bounds = Bounds(LARGEST_HEAD + _WRAPPING * request.largest)
        try:
            response = await self._asked(parts, url, request, bounds)
            if response.code in _REDIRECTS:
                discard(response)
                return _Elsewhere(_location(url, response))
            found = await self._taken(url, response, request)
            return found if bounds.excess is None else Unavailable(f"{_host(url)}: {bounds.excess}")
        except CancelledError:
            raise
        except Exception:
            if bounds.excess is None:
                raise
            raise _NotFetched(f"{_host(url)}: {bounds.excess}") from None
        finally:
            self._places.leave(host)
            if bounds.excess is not None:
                maillog.fetch_bound_exceeded(_host(url), bounds.excess)

    async def _taken(self, url: str, response: IResponse, request: _Request) -> Answer[bytes]:
        if response.code == 200:
            _uncompressed(url, response)
            found = await body_of(response, request.largest, self._places.take)
            return Unavailable(f"{_host(url)}: {found.reason}") if isinstance(found, Unavailable) else found
        discard(response)
        return Absent() if response.code in _GONE else Unavailable(f"{_host(url)}: HTTP status {response.code}")

    async def _asked(self, parts: SplitResult, url: str, request: _Request, bounds: Bounds) -> IResponse:
        """The head of the response, from the first address that accepts a connection."""
        addresses, port = await self._addresses(parts)
        refused: Exception = ConnectError()
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await self._agent(BoundedEndpoint(_endpoint(self._reactor, address, port), bounds)).request(
                    b"GET" if request.body is None else b"POST",
                    url.encode("ascii"),
                    _headers(request),
                    None if request.body is None else _Whole(request.body),
                )
            except (ConnectError, NotConnectedInTime) as error:
                refused = error
        raise _NotFetched(f"{_host(url)}: {_words(refused)}")

    def _agent(self, endpoint: IStreamClientEndpoint) -> Agent | ProxyAgent:
        if self._settings.proxy != "off":
            return ProxyAgent(endpoint, self._reactor)
        agent: Agent = Agent.usingEndpointFactory(self._reactor, _To(endpoint))
        return agent

    async def _addresses(self, parts: SplitResult) -> tuple[tuple[str, ...], int]:
        """The addresses to connect to for the URL, at least one."""
        host = parts.hostname or ""
        if self._settings.proxy != "off":
            if is_ip_address(host) and not self._allowed(host):
                raise _NotFetched(f"{host}: not a public address")
            parts = urlsplit(self._settings.proxy)
            return await self._resolved(parts.hostname or ""), parts.port or 80
        found = await self._resolved(host)
        usable = tuple(each for each in found if self._allowed(each))
        if not usable:
            raise _NotFetched(f"{host}: not a public address ({found[0]})")
        return usable, parts.port or 80

    def _allowed(self, address: str) -> bool:
        return self._reach is None or self._reach.allows(address)

    async def _resolved(self, host: str) -> tuple[str, ...]:
        if is_ip_address(host):
            return (host,)
        answer = await self._resolver.addresses(host)
        if isinstance(answer, Found) and answer.value:
            return answer.value
        why = answer.reason if isinstance(answer, Unavailable) else "has no address"
        raise _NotFetched(f"{host}: {why}")


@attrs.frozen
class _Elsewhere:
    """The target of a redirect."""

    url: str


@implementer(IAgentEndpointFactory)
@attrs.frozen
class _To:
    """Connects to this address whatever the URL says: it was looked up and checked before."""

    endpoint: IStreamClientEndpoint

    def endpointForURI(self, uri: object) -> IStreamClientEndpoint:
        """IAgentEndpointFactory."""
        return self.endpoint


@implementer(IBodyProducer)
class _Whole:
    """A small request body, sent at once."""

    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """IBodyProducer."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """IBodyProducer: the body has been sent already."""

    def resumeProducing(self) -> None:
        """IBodyProducer."""

    def stopProducing(self) -> None:
        """IBodyProducer."""


def _endpoint(reactor: IReactorTCP, address: str, port: int) -> IStreamClientEndpoint:
    kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
    return kind(reactor, address, port, timeout=_CONNECT_TIMEOUT)


def _headers(request: _Request) -> Headers:
    headers = {"User-Agent": ["fopemta"], "Accept": ["*/*"]}
    if request.media_type:
        headers["Content-Type"] = [request.media_type]
    return Headers(headers)


def _checked(url: str) -> SplitResult:
    """The URL in parts.  Raises _NotFetched if it is not permitted."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > _LONGEST_URL:
        raise _NotFetched("the URL cannot be used")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for what is no port
    except ValueError:
        raise _NotFetched("the URL cannot be used") from None
    if parts.scheme != "http" or not parts.hostname or "@" in parts.netloc:
        raise _NotFetched(f"{_host(url)}: only http://host/... is fetched")
    return parts


def _uncompressed(url: str, response: IResponse) -> None:
    """Refuse a compressed response: none was requested, and a small one may be large when unpacked.  Raises
    _NotFetched.
    """
    codings = response.headers.getRawHeaders("content-encoding") or []
    if any(each.strip().lower() not in ("", "identity") for each in codings):
        discard(response)
        raise _NotFetched(f"{_host(url)}: sent compressed, which was not asked for")


def _location(url: str, response: IResponse) -> str:
    values = response.headers.getRawHeaders("location") or []
    if len(values) != 1:
        raise _NotFetched(f"{_host(url)}: redirects to nowhere")
    return str(urljoin(url, values[0]))


def _host(url: str) -> str:
    """The host in the URL, safe for logs."""
    name = url.partition("://")[2].partition("/")[0] or url
    return "".join(each for each in name[:100] if each.isascii() and each.isprintable()) or "-"


def _words(error: Exception) -> str:
    return _WORDS.get(type(error).__name__, type(error).__name__)


_WORDS = {
    "ConnectionRefusedError": "connection refused",
    "TimeoutError": "does not answer",
    "NoRouteError": "no route there",
    "ResponseNeverReceived": "closed without a response",
    "ResponseFailed": "the response broke off",
    "ParseError": "no HTTP",
}
