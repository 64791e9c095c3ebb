"""Fetching over HTTP: what is bounded, what is refused, from servers in memory that say what a test has them say."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, succeed
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Absent, Found, Unavailable
from fopemta.config.model import Fetch
from fopemta.interfaces import IFetcher
from fopemta.lookup.fetch import Fetcher
from fopemta.testing.dns import ScriptedResolver
from fopemta.testing.network import SILENT, MemoryNetwork

PUBLIC, OTHER, PRIVATE = "9.9.9.9", "149.112.112.112", "10.0.0.1"


class Scripted(Factory):
    """Answers each request with the bytes that stand for its path; `closes` when all is said."""

    def __init__(self, answers: dict[bytes, bytes], closes: bool = True) -> None:
        self.answers = answers
        self.closes = closes
        self.requests: list[bytes] = []
        self.gone = 0

    def buildProtocol(self, address: object) -> Protocol:
        return _Server(self)


class _Server(Protocol):
    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.received = b""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.script.gone += 1

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        head, ending, _ = self.received.partition(b"\r\n\r\n")
        if ending:
            self.script.requests.append(self.received)
            self.transport.write(self.script.answers[head.split(b" ")[1]])
            if self.script.closes:
                self.transport.loseConnection()


def response(body: bytes = b"", status: bytes = b"200 OK", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def redirect(to: bytes) -> bytes:
    return response(b"", b"302 Found", b"Location: " + to)


class FetchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Scripted({})
        self.network = MemoryNetwork({(PUBLIC, 80): self.server, (PRIVATE, 80): self.server})
        hosts = {"c.test": (PUBLIC,), "inside.test": (PRIVATE,), "mixed.test": (PRIVATE, PUBLIC), "down.test": (OTHER,)}
        hosts |= {"broken.test": Unavailable("SERVFAIL")}  # type: ignore[dict-item]
        self.resolver = ScriptedResolver({}, hosts)

    def fetcher(self, private: bool = False, **settings: Any) -> Fetcher:
        return Fetcher(self.network, self.resolver, Fetch(**settings), private)  # type: ignore[arg-type]

    def fetched(self, url: str, seconds: float = 0, fetcher: Fetcher | None = None) -> Any:
        answers: list[Any] = []
        (fetcher or self.fetcher()).get(url).addCallback(answers.append)
        self.network.flush(seconds)
        self.assertEqual(len(answers), 1, "not answered")
        self.assertEqual(self.network.getDelayedCalls(), [])
        return answers[0]

    def answers(self, *responses: bytes) -> None:
        self.server.answers |= {b"/%d" % number: each for number, each in enumerate(responses)}

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IFetcher, self.fetcher()))

    def test_body(self) -> None:
        self.answers(response(b"list"), b"HTTP/1.0 200 OK\r\n\r\nno length")
        self.assertEqual(self.fetched("http://c.test/0"), Found(b"list"))
        self.assertEqual(self.fetched("http://c.test/1"), Found(b"no length"))
        self.assertIn(b"Host: c.test", self.server.requests[0])
        self.assertEqual(self.network.dialled, [(PUBLIC, 80)] * 2)

    def test_post(self) -> None:
        self.answers(response(b"answer"), response(b"x" * 11))
        found: list[Any] = []
        for path in ("0", "1"):
            url = f"http://c.test/{path}"
            self.fetcher().post(url, b"question", "application/ocsp-request", 10).addCallback(found.append)
            self.network.flush()
        self.assertEqual(found, [Found(b"answer"), Unavailable("c.test: larger than 10 octets")])
        self.assertTrue(self.server.requests[0].startswith(b"POST /0 "))
        self.assertTrue(self.server.requests[0].endswith(b"\r\n\r\nquestion"))
        self.assertIn(b"Content-Type: application/ocsp-request", self.server.requests[0])

    def test_what_the_server_says_instead(self) -> None:
        self.answers(
            response(b"", b"404 Not Found"),
            response(b"", b"410 Gone"),
            response(b"", b"503 Later"),
            b"SMTP?\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all",
            b"",
        )
        found = [self.fetched(f"http://c.test/{number}") for number in range(6)]
        self.assertEqual(found[:3], [Absent(), Absent(), Unavailable("c.test: HTTP status 503")])
        for each in found[3:]:
            self.assertIsInstance(each, Unavailable, each)

    def test_size_is_bounded_whether_it_is_told_or_not(self) -> None:
        self.server.closes = False
        self.answers(
            response(b"x" * 101),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101,
            response(b"x" * 100),
        )
        fetcher = self.fetcher(largest=100)
        found = [self.fetched(f"http://c.test/{number}", fetcher=fetcher) for number in range(5)]
        self.assertEqual(found[:4], [Unavailable("c.test: larger than 100 octets")] * 4)
        self.assertEqual(found[4], Found(b"x" * 100))

    def test_headers_without_end(self) -> None:
        seen: list[Any] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        self.server.closes = False
        self.answers(
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
            b"HTTP/1.1 200 OK\r\nX: y\r\n" + b" y\r\n" * 1000,
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
            b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000,
            b"HTTP/1.1 302 Found\r\n" + b"Location: /3\r\n" * 1000,
        )
        found = [self.fetched(f"http://c.test/{number}") for number in range(5)]
        lines, octets = "more than 100 header lines", "headers of more than 65536 octets"
        bounds = [lines, lines, octets, lines, lines]
        self.assertEqual(found, [Unavailable(f"c.test: {each}") for each in bounds])
        self.assertEqual(self.server.gone, 5)
        told = [(each["host"], each["bound"]) for each in seen if each.get("event") == "fetch_bound_exceeded"]
        self.assertEqual(told, [("c.test", each) for each in bounds])

    def test_chunks_are_bounded_with_all_that_wraps_them(self) -> None:
        self.server.closes = False
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.answers(
            head + b"1;" + b"x" * 1000 + b"\r\ny\r\n" + (b"1;" + b"x" * 1000 + b"\r\ny\r\n") * 100,
            head + b"4\r\nlist\r\n0\r\n" + b"X: y\r\n" * 20_000,
            head + b"2\r\nli\r\n2;x=y\r\nst\r\n0\r\nX: y\r\n\r\n",
        )
        fetcher = self.fetcher(largest=1000)
        found = [self.fetched(f"http://c.test/{number}", fetcher=fetcher) for number in range(3)]
        self.assertEqual([type(each) for each in found], [Unavailable, Unavailable, Found])
        self.assertEqual(found[0], Unavailable("c.test: more around its body than the body itself"))
        self.assertEqual(found[2], Found(b"list"))
        self.assertEqual(self.server.gone, 3)

    def test_compressed_is_not_taken(self) -> None:
        self.answers(
            response(b"list", b"200 OK", b"Content-Encoding: gzip"),
            response(b"list", b"200 OK", b"Content-Encoding: Identity"),
        )
        found = [self.fetched(f"http://c.test/{number}") for number in range(2)]
        self.assertEqual(found, [Unavailable("c.test: sent compressed, which was not asked for"), Found(b"list")])

    def test_places_are_bounded_and_waited_for(self) -> None:
        self.server.closes = False
        self.answers(b"", response(b"list"))
        fetcher, found = self.fetcher(timeout=5), []  # type: ignore[var-annotated]
        waiting = [fetcher.get("http://c.test/0").addErrback(lambda _: None) for _ in range(8)]
        self.network.flush()
        late = fetcher.get("http://c.test/1").addCallback(found.append)
        self.network.flush()
        self.assertEqual((found, len(self.network.dialled)), ([], 8))
        waiting.pop().cancel()
        self.network.flush()
        self.assertEqual((found, late.called), ([Found(b"list")], True))
        # Those that keep silent have their time, and then leave room.
        fetcher.get("http://c.test/0").addCallback(found.append)
        fetcher.get("http://c.test/1").addCallback(found.append)
        self.network.flush(5)
        self.assertEqual(found[1:], [Unavailable("c.test: not fetched within 5 s")] * 2)
        self.assertEqual(self.fetched("http://c.test/1", fetcher=fetcher), Found(b"list"))

    def test_bodies_are_bounded_together(self) -> None:
        self.server.closes = False
        self.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 99, response(b"x" * 100))
        fetcher, found = self.fetcher(largest=100), []  # type: ignore[var-annotated]
        waiting = [fetcher.get("http://c.test/0").addErrback(lambda _: None) for _ in range(4)]
        self.network.flush()
        fetcher.get("http://c.test/1").addCallback(found.append)
        self.network.flush()
        self.assertEqual(found, [Unavailable("c.test: too much is being fetched at a time")])
        waiting.pop().cancel()
        self.network.flush()
        fetcher.get("http://c.test/1").addCallback(found.append)
        self.network.flush()
        self.assertEqual(found[1:], [Found(b"x" * 100)])
        for each in waiting:
            each.cancel()
        self.network.flush()

    def test_time_is_bounded_from_the_first_octet_to_the_last(self) -> None:
        self.server.closes = False
        self.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"HTTP/1.1 200", b"")
        late = "not fetched within 5 s"
        for path in ("0", "1", "2"):
            found = self.fetched(f"http://c.test/{path}", 5, self.fetcher(timeout=5))
            self.assertEqual(found, Unavailable(f"c.test: {late}"))

    def test_cancelled_it_closes_the_connection(self) -> None:
        self.server.closes = False
        self.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"")
        for path in ("0", "1"):
            fetching = self.fetcher().get(f"http://c.test/{path}")
            self.network.flush()
            fetching.cancel()
            self.failureResultOf(fetching, CancelledError)
            self.network.flush()
            self.assertEqual(self.network.getDelayedCalls(), [])
        self.assertEqual(self.server.gone, 2)

    def test_time_is_bounded_where_nobody_answers(self) -> None:
        self.network.servers[OTHER, 80] = SILENT
        found: list[Any] = []
        self.fetcher(timeout=5).get("http://down.test/").addCallback(found.append)
        self.network.flush(4.5)
        self.assertEqual(found, [])
        self.network.flush(0.5)
        self.assertEqual(found, [Unavailable("down.test: not fetched within 5 s")])

    def test_redirects(self) -> None:
        self.answers(redirect(b"/1"), redirect(b"http://c.test/2"), redirect(b"3"), response(b"list"))
        self.assertEqual(self.fetched("http://c.test/0"), Found(b"list"))
        self.server.answers[b"/3"] = redirect(b"/3")
        self.assertEqual(self.fetched("http://c.test/0"), Unavailable("c.test: more than 3 redirects"))

    def test_redirects_lead_nowhere_that_is_forbidden(self) -> None:
        for target in (b"http://inside.test/", b"http://127.0.0.1/", b"https://c.test/", b"file:///etc/passwd", b""):
            self.answers(redirect(target) if target else response(b"", b"302 Found"))
            self.network.dialled.clear()
            self.assertIsInstance(self.fetched("http://c.test/0"), Unavailable, target)
            self.assertEqual(self.network.dialled, [(PUBLIC, 80)], target)

    def test_private_addresses_are_not_connected_to(self) -> None:
        self.answers(response(b"list"))
        hosts = ("inside.test", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254")
        for host in hosts:
            found = self.fetched(f"http://{host}/0")
            assert isinstance(found, Unavailable)
            self.assertIn("not a public address", found.reason)
        self.assertEqual(self.network.dialled, [])
        self.assertEqual(self.fetched("http://mixed.test/0"), Found(b"list"))
        self.assertEqual(self.network.dialled, [(PUBLIC, 80)])

    def test_our_own_addresses_are_not_connected_to(self) -> None:
        self.answers(response(b"list"))
        own = frozenset({PUBLIC})
        fetcher = Fetcher(self.network, self.resolver, Fetch(), False, own)  # type: ignore[arg-type]
        self.assertEqual(
            self.fetched("http://c.test/0", fetcher=fetcher), Unavailable(f"c.test: not a public address ({PUBLIC})")
        )
        fetcher = Fetcher(self.network, self.resolver, Fetch(), True, own)  # type: ignore[arg-type]
        self.assertEqual(self.fetched("http://c.test/0", fetcher=fetcher), Found(b"list"))

    def test_address_that_was_judged_is_the_one_that_is_dialled(self) -> None:
        # A name whose address changes between the look and the connection.
        self.answers(response(b"list"))
        answers = [(PUBLIC,), (PRIVATE,)]
        self.resolver.addresses = lambda host: succeed(Found(answers.pop(0)))  # type: ignore[method-assign]
        self.assertEqual(self.fetched("http://c.test/0"), Found(b"list"))
        self.assertEqual((self.network.dialled, len(answers)), ([(PUBLIC, 80)], 1))

    def test_private_addresses_where_they_are_allowed(self) -> None:
        self.answers(response(b"list"))
        self.assertEqual(self.fetched("http://inside.test/0", fetcher=self.fetcher(private=True)), Found(b"list"))

    def test_through_a_proxy(self) -> None:
        self.server.answers[b"http://far.test/list"] = response(b"list")
        fetcher = self.fetcher(proxy="http://inside.test:80")
        self.assertEqual(self.fetched("http://far.test/list", fetcher=fetcher), Found(b"list"))
        self.assertEqual(self.network.dialled, [(PRIVATE, 80)])
        found = self.fetched("http://127.0.0.1/list", fetcher=fetcher)
        self.assertEqual(found, Unavailable("127.0.0.1: not a public address"))

    def test_what_cannot_be_reached(self) -> None:
        table = {
            "http://nowhere.test/": "nowhere.test: has no address",
            "http://broken.test/": "broken.test: SERVFAIL",
            "http://down.test/": "down.test: connection refused",
        }
        self.assertEqual({url: self.fetched(url).reason for url in table}, table)

    def test_next_address_where_one_refuses(self) -> None:
        self.answers(response(b"list"))
        self.resolver.hosts["two.test"] = (OTHER, PUBLIC)
        self.assertEqual(self.fetched("http://two.test/0"), Found(b"list"))

    def test_urls_that_are_none(self) -> None:
        for url in (
            "", "c.test", "https://c.test/", "ftp://c.test/", "http://", "http:///x", "http://u:p@c.test/",
            "http://c.test:port/", "http://c.test:99999/", "http://c.test/\r\nX: y", "http://c.test/a b",
            "http://b\u00fccher.test/", "http://[::1/", "http://c.test/" + "x" * 2000, "\x00",
        ):  # fmt: skip
            found = self.fetched(url)
            assert isinstance(found, Unavailable), url
            self.assertTrue(found.reason.isprintable() and found.reason.isascii(), url)
        self.assertEqual(self.network.dialled, [])
