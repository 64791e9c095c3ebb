"""Who speaks at the control socket, as the kernel tells it."""

from __future__ import annotations

import os
import pwd
import socket

from twisted.trial.unittest import SynchronousTestCase

from fopemta.control.peer import who


class Handle:
    """A transport over a socket."""

    def __init__(self, handle: object) -> None:
        self._handle = handle

    def getHandle(self) -> object:
        return self._handle


class WhoTests(SynchronousTestCase):
    def test_the_user_of_the_other_end(self) -> None:
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        self.assertEqual(who(Handle(here)), pwd.getpwuid(os.geteuid()).pw_name)

    def test_a_user_without_a_name(self) -> None:
        class Stranger:
            def getsockopt(self, *_: int) -> bytes:
                return (1).to_bytes(4, "little") + (54321).to_bytes(4, "little") * 2

        self.assertEqual(who(Handle(Stranger())), "user 54321")

    def test_where_nobody_says(self) -> None:
        for transport in (object(), Handle(None)):
            self.assertEqual(who(transport), "the operator")
