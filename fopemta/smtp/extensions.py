"""The ESMTP extensions that a server offers (pure): data, one value each.

An extension is offered only where it works, all the way to the next hop (RULINGS 20).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import attrs

from fopemta.mail.reply import Reply


@attrs.frozen
class Offered:
    """What decides about the EHLO list: `starttls` may be begun now; `message_size` octets at most."""

    starttls: bool
    message_size: int


@attrs.frozen
class Extension:
    """`keyword` as in EHLO, `value` behind it, `when` it is offered, `mail_parameters` that it brings to MAIL."""

    keyword: str
    value: Callable[[Offered], str] = lambda _: ""
    when: Callable[[Offered], bool] = lambda _: True
    mail_parameters: tuple[str, ...] = ()


EXTENSIONS: tuple[Extension, ...] = (
    Extension("PIPELINING"),
    Extension("SIZE", value=lambda offered: str(offered.message_size), mail_parameters=("SIZE",)),
    Extension("STARTTLS", when=lambda offered: offered.starttls),
    Extension("8BITMIME", mail_parameters=("BODY",)),
    Extension("ENHANCEDSTATUSCODES"),
)

MAIL_PARAMETERS = frozenset(name for each in EXTENSIONS for name in each.mail_parameters)


@functools.lru_cache(maxsize=64)  # a few for each listener, asked for by every session
def ehlo_reply(hostname: str, offered: Offered) -> bytes:
    """The answer to EHLO: a line with our name, then one for each extension."""
    lines = (f"{each.keyword} {each.value(offered)}".rstrip() for each in EXTENSIONS if each.when(offered))
    return Reply(250, None, (hostname, *lines)).render()
