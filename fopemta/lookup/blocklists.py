"""Query DNS blocklists (shell): all at once; a list without an answer in time lets mail pass."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, TimeoutError  # noqa: A004  Twisted's own
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.answer import Answer, Found, Unavailable
from fopemta.interfaces import IBlocklists, IResolver
from fopemta.lookup.together import together
from fopemta.mail.reply import Reply
from fopemta.policy.blocklist import Blocklist, BlocklistAnswer, listing, query_name

# Shorter than a client's timeout at RCPT (RFC 5321 4.5.3.2.3), whatever [dns] timeout says.
_PATIENCE = 10.0


@implementer(IBlocklists)
class Blocklists:
    """The `lists` of one listener, each with the same timeout; answers are cached by the resolver."""

    def __init__(self, resolver: IResolver, lists: Sequence[Blocklist], clock: IReactorTime) -> None:
        self._resolver = resolver
        self._lists = lists
        self._clock = clock
        self._failing: set[str] = set()

    def judge(self, client: str) -> Deferred[Reply | None]:
        """See IBlocklists."""
        return Deferred.fromCoroutine(self._judge(client))

    async def _judge(self, client: str) -> Reply | None:
        asked = [(each, name) for each in self._lists if (name := query_name(client, each.zone)) is not None]
        answers = await together([self._ask(name) for _, name in asked])
        listed = [each for (each, _), answer in zip(asked, answers, strict=True) if self._lists_it(each, answer)]
        if not listed:
            return None
        # The list's text about the client (its TXT record) is not passed on: a stranger wrote it.
        return Reply.of(554, "5.7.1", f"Service unavailable; client [{client}] blocked using {listed[0].zone}")

    def _ask(self, name: str) -> Deferred[Answer[tuple[str, ...]]]:
        return self._resolver.ipv4_addresses(name).addTimeout(_PATIENCE, self._clock).addErrback(_too_late)

    def _lists_it(self, blocklist: Blocklist, answer: Answer[tuple[str, ...]]) -> bool:
        said = listing(blocklist, answer)
        self._note(blocklist.zone, said, _reason(answer))
        return said is BlocklistAnswer.LISTED

    def _note(self, zone: str, said: BlocklistAnswer, why: str) -> None:
        """Log once when a list becomes unusable, and once when it works again."""
        if said is BlocklistAnswer.UNAVAILABLE and zone not in self._failing:
            self._failing.add(zone)
            maillog.blocklist_failing(zone, why)
        elif said is not BlocklistAnswer.UNAVAILABLE and zone in self._failing:
            self._failing.discard(zone)
            maillog.blocklist_works_again(zone)


def _reason(answer: Answer[tuple[str, ...]]) -> str:
    """Why an answer is unusable."""
    if isinstance(answer, Found):
        return f"it answers {', '.join(answer.value)}"
    return answer.reason if isinstance(answer, Unavailable) else ""


def _too_late(failure: Failure) -> Unavailable:
    failure.trap(TimeoutError)
    return Unavailable(f"no answer in {_PATIENCE:.0f} s")
