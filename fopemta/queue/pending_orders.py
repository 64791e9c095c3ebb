"""Orders that wait until nothing of their message is on its way (shell room, but no I/O)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
from twisted.internet.defer import Deferred

from fopemta.mail.orders import Obeyed, Order, OrderResult


@attrs.define(eq=False)
class _Pending:
    order: Order
    answer: Deferred[OrderResult] | None

    def tell(self, result: OrderResult) -> None:
        """Answer who gave it, once."""
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.callback(result)


class PendingOrders:
    """By message, in the order in which they were given."""

    def __init__(self) -> None:
        self._pending: dict[str, list[_Pending]] = {}

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._pending

    def give(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        """Note an order; fires when it has been seen to, or put off."""
        answer: Deferred[OrderResult] = Deferred()
        self._pending.setdefault(message_id, []).append(_Pending(order, answer))
        return answer

    def taken(self, message_id: str) -> Iterator[tuple[Order, Callable[[OrderResult], None]]]:
        """What is pending for a message, to be seen to now; each with whom to tell of the result."""
        for pending in self._pending.pop(message_id, ()):
            yield pending.order, pending.tell

    def put_off(self, message_id: str) -> None:
        """Nobody waits for what must be done afterwards."""
        for pending in self._pending.get(message_id, ()):
            pending.tell(OrderResult(Obeyed.AFTERWARDS))

    def cannot(self, message_id: str, why: Obeyed) -> None:
        """The message is not there, or cannot be read."""
        for pending in self._pending.pop(message_id, ()):
            pending.tell(OrderResult(why))
