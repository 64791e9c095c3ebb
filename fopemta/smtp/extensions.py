"""The ESMTP extensions that a server offers (pure): a table with one value each.

An extension is offered only where it works all the way to the next hop, and its parameters are recognised only while it
is offered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import attrs

from fopemta.mail.reply import Reply
from fopemta.smtp import parameters
from fopemta.smtp.parameters import Parameter


@attrs.frozen(kw_only=True, cache_hash=True)  # the answer to EHLO is found by it
class Offered:
    """The facts that decide the EHLO list.

    `starttls`: TLS may begin now; `mechanisms` of AUTH that may be used now; `require_tls`: REQUIRETLS may be requested
    now; `xclient`: this client may use XCLIENT.  `message_size` in octets, 0 for no limit; `recipients` per
    transaction.  `without`: keywords that the operator has turned off.
    """

    message_size: int
    recipients: int
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    require_tls: bool = False
    xclient: bool = False
    without: frozenset[str] = frozenset()


@attrs.frozen
class Extension:
    """One extension: its EHLO `keyword` and `value`, `when` it is offered, and the parameters that it adds."""

    keyword: str
    value: Callable[[Offered], str] = lambda _: ""
    when: Callable[[Offered], bool] = lambda _: True
    mail: tuple[Parameter, ...] = ()
    rcpt: tuple[Parameter, ...] = ()


def _has(*keywords: str) -> Callable[[Offered], bool]:
    """A condition for an extension that depends on others."""
    return lambda offered: offered.without.isdisjoint(keywords)


EXTENSIONS: tuple[Extension, ...] = (
    Extension("PIPELINING"),
    Extension(
        "SIZE",  # RFC 1870
        value=lambda offered: str(offered.message_size),
        mail=(Parameter("SIZE", parameters.size, "size"),),
    ),
    Extension("ETRN"),  # RFC 1985
    Extension("STARTTLS", when=lambda offered: offered.starttls),  # RFC 3207
    Extension("8BITMIME", mail=(Parameter("BODY", parameters.body, "body"),)),  # RFC 6152
    Extension("ENHANCEDSTATUSCODES"),  # RFC 2034
    Extension("CHUNKING"),  # RFC 3030
    Extension(
        "BINARYMIME",  # RFC 3030 3
        when=_has("CHUNKING", "8BITMIME"),
        mail=(Parameter("BODY", parameters.body_with_binary, "body"),),
    ),
    Extension(
        "SMTPUTF8",  # RFC 6531
        when=_has("8BITMIME"),
        mail=(Parameter("SMTPUTF8", parameters.flag, "smtputf8"),),
    ),
    Extension(
        "DSN",  # RFC 3461
        mail=(
            Parameter("RET", parameters.returned, "returned"),
            Parameter("ENVID", parameters.envelope_id, "envelope_id"),
        ),
        rcpt=(
            Parameter("NOTIFY", parameters.notify, "notify"),
            Parameter("ORCPT", parameters.original_recipient, "original"),
        ),
    ),
    Extension(
        "AUTH",  # RFC 4954
        value=lambda offered: " ".join(offered.mechanisms),
        when=lambda offered: bool(offered.mechanisms),
        mail=(Parameter("AUTH", parameters.authenticated_sender, None),),
    ),
    Extension(
        "REQUIRETLS",  # RFC 8689
        when=lambda offered: offered.require_tls,
        mail=(Parameter("REQUIRETLS", parameters.flag, "require_tls"),),
    ),
    Extension("LIMITS", value=lambda offered: f"RCPTMAX={offered.recipients}"),  # RFC 9422
    Extension(
        "XCLIENT",  # defined by Postfix
        value=lambda _: "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
        when=lambda offered: offered.xclient,
    ),
)

# Extensions that you may turn off for peers that mishandle them.  STARTTLS and AUTH have settings of their own.
OPTIONAL = frozenset(each.keyword for each in EXTENSIONS) - {"STARTTLS", "AUTH", "REQUIRETLS", "XCLIENT"}


def offers(offered: Offered) -> Iterator[Extension]:
    """The extensions in the EHLO list, in its order."""
    return (each for each in EXTENSIONS if each.keyword not in offered.without and each.when(offered))


@functools.lru_cache(maxsize=256)  # few per listener, and needed by every session
def ehlo_reply(hostname: str, offered: Offered) -> bytes:
    """The reply to EHLO: a line with our name, then one for each extension."""
    lines = (f"{each.keyword} {each.value(offered)}".rstrip() for each in offers(offered))
    return Reply(250, None, (hostname, *lines)).render()


@functools.lru_cache(maxsize=256)
def mail_parameters(offered: Offered) -> dict[str, Parameter]:
    """The parameters of MAIL by keyword; a later extension replaces the parameter of an earlier one."""
    return {each.keyword: each for extension in offers(offered) for each in extension.mail}


@functools.lru_cache(maxsize=256)
def rcpt_parameters(offered: Offered) -> dict[str, Parameter]:
    """The parameters of RCPT by keyword."""
    return {each.keyword: each for extension in offers(offered) for each in extension.rcpt}
