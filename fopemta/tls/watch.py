"""Watch the files of our certificates (shell): a renewed pair is served without a restart, an invalid one is not.

certbot changes links, lego overwrites the files; both change the chain and the key one after the other.  So a change is
picked up only if the files were unchanged for one interval, and key and chain match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.tls.credentials import Credentials, CredentialsError, cautions_about
from fopemta.tls.file_state import FileState, state_of
from fopemta.trust.plan import CertificateFiles

# Seconds between two checks, and between two warnings about the same certificate.
INTERVAL = 30.0
_DAY = 86_400.0

_Look: TypeAlias = tuple[FileState | None, ...]


class CertificateWatch:
    """`files` gives the configured files, `read` reads them all, `serve` puts them into use (both raise
    CredentialsError).  `now` gives the wall time; `hostname` is the name they must match, None if any will do; `key` is
    their place in the configuration.
    """

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        hostname: str | None,
        files: Callable[[], Sequence[CertificateFiles]],
        read: Callable[[], Sequence[Credentials]],
        serve: Callable[[Sequence[Credentials]], object],
        key: str = "tls.server.certificates",
    ) -> None:
        self._clock = clock
        self._now = now
        self._hostname = hostname
        self._files = files
        self._read = read
        self._serve = serve
        self._key = key
        self._served: _Look = ()
        self._seen: _Look = ()
        self._refused: _Look | None = None
        self._next_warning = 0.0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start watching; the present files count as served."""
        self._served = self._seen = self._look()
        self._warn()
        self._call = self._clock.callLater(INTERVAL, self._again)

    def stop(self) -> None:
        """Stop watching."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _again(self) -> None:
        self._call = self._clock.callLater(INTERVAL, self._again)
        self._warn()
        look = self._look()
        settled, self._seen = look == self._seen, look
        if settled and look not in (self._served, self._refused):
            self._take_up(look)

    def _take_up(self, look: _Look) -> None:
        try:
            self._serve(self._read())
        except CredentialsError as error:
            # Reported once for each state of the files; the old ones stay in use.
            self._refused = look
            maillog.certificate_refused(str(error))
            return
        self._served, self._refused = look, None
        maillog.reloaded("certificates")
        self._next_warning = 0.0

    def _warn(self) -> None:
        if self._now() < self._next_warning:
            return
        self._next_warning = self._now() + _DAY
        try:
            found = self._read()
        except CredentialsError:
            return  # reported when it occurred
        for each in found:
            for words in cautions_about(each, self._hostname, self._now()):
                maillog.caution(self._key, words)

    def _look(self) -> _Look:
        return tuple(state_of(path) for each in self._files() for path in (each.chain, each.key))
