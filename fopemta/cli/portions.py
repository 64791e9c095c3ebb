"""Process many rows in portions, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from fopemta.mail.listed import Listed

if TYPE_CHECKING:
    from fopemta.spool.looking.listing import Listing

T = TypeVar("T")

_PORTION = 1000
# Starting processes costs a few hundredths of a second.
_WORTH_PROCESSES = 5 * _PORTION
_MOST_PROCESSES = 8


def portions(listing: Listing, work: Callable[[Iterator[Listed]], T]) -> Iterator[T]:
    """The result of `work` for each portion of the rows, in order."""
    bounds = [(begin, begin + _PORTION) for begin in range(0, len(listing), _PORTION)]
    processes = min(_processors(), _MOST_PROCESSES)
    if processes < 2 or len(listing) < _WORTH_PROCESSES:
        yield from (work(listing.rows(*each)) for each in bounds)
        return
    # By fork, so that neither the listing nor the work need be sent to them.
    pool = multiprocessing.get_context("fork").Pool(processes, _begin, (listing, work))
    try:
        yield from pool.imap(_worked, bounds)
        # They exit by themselves: a signal, as `with` sends it, would hang if it has a handler.
        pool.close()
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.join()


_given: tuple[Any, Any]


def _begin(listing: Listing, work: Callable[[Iterator[Listed]], Any]) -> None:
    global _given
    _given = listing, work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself stops them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _worked(bounds: tuple[int, int]) -> Any:
    listing, work = _given
    return work(listing.rows(*bounds))


def _processors() -> int:
    """The processors available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
