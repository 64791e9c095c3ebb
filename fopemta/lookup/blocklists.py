"""Asking lists of unwanted clients (shell): all at once, and a list that cannot say lets mail pass."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from fopemta import maillog
from fopemta.interfaces import IBlocklists, IResolver
from fopemta.mail.reply import Reply
from fopemta.policy.blocklist import Blocklist, Listing, listing, query_name


@implementer(IBlocklists)
class Blocklists:
    """The `lists` of one listener; the resolver's cache and deadline are theirs too."""

    def __init__(self, resolver: IResolver, lists: Sequence[Blocklist]) -> None:
        self._resolver = resolver
        self._lists = lists
        self._failing: set[str] = set()

    def judge(self, client: str) -> Deferred[Reply | None]:
        """See IBlocklists."""
        return Deferred.fromCoroutine(self._judge(client))

    async def _judge(self, client: str) -> Reply | None:
        asked = [(each, name) for each in self._lists if (name := query_name(client, each.zone)) is not None]
        answers = await gatherResults([self._resolver.addresses(name) for _, name in asked])
        found = None
        for (blocklist, _), answer in zip(asked, answers, strict=True):
            said = listing(blocklist, answer)
            self._note(blocklist.zone, said, str(answer))
            if said is Listing.LISTED and found is None:
                text = f"Service unavailable; client [{client}] is listed by {blocklist.zone}"
                found = Reply.of(554, "5.7.1", text)
        return found

    def _note(self, zone: str, said: Listing, answer: str) -> None:
        """Told once when a list becomes useless, and once when it is of use again."""
        if said is Listing.UNAVAILABLE and zone not in self._failing:
            self._failing.add(zone)
            maillog.blocklist_failing(zone, answer)
        elif said is not Listing.UNAVAILABLE and zone in self._failing:
            self._failing.discard(zone)
            maillog.blocklist_works_again(zone)
