"""Work that may ask for itself again while it is done (shell room, but no I/O)."""

from __future__ import annotations

from collections.abc import Callable


class Unnested:
    """`work`, which is done once more, and not within itself, where it is asked for while it is done.

    The end of one message begins another: each within the last would need a deeper stack for every message.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._asked = False
        self._at_work = False

    def __call__(self) -> None:
        """Do it now, or as soon as what is being done has been."""
        self._asked = True
        if self._at_work:
            return
        self._at_work = True
        try:
            while self._asked:
                self._asked = False
                self._work()
        finally:
            self._at_work = False
