"""The groups of a Context (shell): pyOpenSSL can set a single curve only (docs/decisions/0020-groups.md).

OpenSSL's own function is reached through pyOpenSSL's binding, which is not a public interface: if a release drops it,
OpenSSL's default groups are used, and `check-config` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from OpenSSL import SSL

from fopemta.trust.listener_offer import HYBRIDS

_lib = getattr(SSL, "_lib", None)
_set_list = getattr(_lib, "SSL_CTX_set1_curves_list", None)


def settable() -> bool:
    """Whether groups can be chosen at all."""
    return _set_list is not None


def had(groups: Sequence[str]) -> tuple[str, ...]:
    """The `groups` that this OpenSSL supports; none if they cannot be chosen."""
    return tuple(each for each in groups if _has(each))


def prefer(context: SSL.Context, groups: Sequence[str]) -> None:
    """Make a server's `context` choose the first of `groups` that the client supports.

    A hybrid is preferred even if the client has not sent its share with its hello, which costs a round trip; of the
    others, one whose share was sent is as good.
    """
    found = had(groups)
    hybrids = [each for each in found if each in HYBRIDS]
    others = [each for each in found if each not in HYBRIDS]
    ranked = "/".join(":".join(each) for each in (hybrids, others) if each)
    # OpenSSL before 3.5 does not support ranks.
    if found and not _set(context, ranked):
        _set(context, ":".join(found))


@functools.cache
def _has(group: str) -> bool:
    return _set(SSL.Context(SSL.TLS_SERVER_METHOD), group)


def _set(context: SSL.Context, groups: str) -> bool:
    if _set_list is None or _lib is None:
        return False
    done: bool = _set_list(context._context, groups.encode("ascii")) == 1
    # An error left in the queue would be attributed to the next call.
    _lib.ERR_clear_error()
    return done
