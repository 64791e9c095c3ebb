"""The ESMTP extensions that a server offers (pure): data, one value each.

An extension is offered only where it works, all the way to the next hop (RULINGS 20).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs


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


def ehlo_lines(hostname: str, offered: Offered) -> tuple[str, ...]:
    """The lines of the answer to EHLO: our name, then an extension each."""
    return (
        hostname,
        *(f"{each.keyword} {each.value(offered)}".rstrip() for each in EXTENSIONS if each.when(offered)),
    )
