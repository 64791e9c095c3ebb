"""Telling postmaster of damage in the spool (shell): once for each thing, together for what was found together."""

from __future__ import annotations

from collections.abc import Callable

from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.interfaces import ISpool, SpoolTrouble
from fopemta.mail.damage import PutAside
from fopemta.mail.envelope import Envelope
from fopemta.mail.identifiers import derived_id
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.made_here import MadeHere
from fopemta.report.damage_notice import damage_notice
from fopemta.report.facts import Facts


class DamageWatch:
    """`deliver` takes the notice, once it is in the spool."""

    def __init__(
        self,
        spool: ISpool,
        config: Configuration,
        now: Callable[[], float],
        made_here: MadeHere,
        deliver: Callable[[QueuedMessage], None],
    ) -> None:
        self.config = config
        self._made_here = made_here
        self._spool = spool
        self._now = now
        self._deliver = deliver
        self._untold: list[PutAside] = []
        self._telling = False

    def look(self) -> None:
        """Tell what is new; what cannot be told now is told at a later look."""
        self._untold += self._spool.put_aside()
        if self._untold and not self._telling:
            self._telling = True
            supervise(self._tell(), "telling postmaster of damage in the spool")

    async def _tell(self) -> None:
        damage = tuple(self._untold)
        try:
            postmaster, now = self.config.node.postmaster, self._now()
            notice_id = derived_id("damage", str(now), *(each.what for each in damage))
            # From nobody: should it fail, there is nobody else to tell.
            content = damage_notice(self._facts(notice_id, now), damage)
            envelope = self._made_here.envelope(Envelope(None, (postmaster,)), content)
            notice = await self._spool.submit(notice_id, envelope, content)
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"the notice of {len(damage)} damaged things cannot be kept: {trouble}")
            return
        finally:
            self._telling = False
        del self._untold[: len(damage)]
        if notice is not None:
            self._deliver(notice)

    def _facts(self, notice_id: str, now: float) -> Facts:
        node, retry = self.config.node, self.config.retry
        return Facts(
            hostname=node.hostname,
            postmaster=str(node.postmaster),
            report_id=notice_id,
            now=now,
            lifetime=retry.lifetime,
        )
