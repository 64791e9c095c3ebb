"""A fetcher for tests: answers from a table, at once or when the test fires them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from fopemta.answer import Absent, Answer, Found
from fopemta.interfaces import IFetcher


@implementer(IFetcher)
class ScriptedFetcher:
    """`answers` maps a URL to octets, to an Answer, or to a Deferred that the test fires; a missing URL is Absent.
    Every URL is recorded in `asked`, with the body of a POST in `posted`.
    """

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[str] = []
        self.posted: list[bytes] = []

    def get(self, url: str) -> Deferred[Answer[bytes]]:
        """See IFetcher."""
        self.asked.append(url)
        answer = self.answers.get(url, Absent())
        if isinstance(answer, Deferred):
            return answer
        return succeed(Found(answer) if isinstance(answer, bytes) else answer)

    def post(self, url: str, body: bytes, media_type: str, largest: int) -> Deferred[Answer[bytes]]:
        """See IFetcher."""
        self.posted.append(body)
        return self.get(url)
