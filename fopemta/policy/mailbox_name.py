"""The mailbox name of a recipient on this machine (pure), safe as part of a path."""

from __future__ import annotations

import re

from fopemta.address.mailbox import Mailbox

# No slash, no leading dot or hyphen, no braces (the template's own), nothing that a shell or a person would misread.
_NAME = re.compile(r"[a-z0-9_][a-z0-9._'&=~-]{0,63}")


def mailbox_name(recipient: Mailbox) -> str | None:
    """The local part in lower case, without "+detail"; None if no mailbox can have that name."""
    name = recipient.local_part.lower().partition("+")[0]
    return name if _NAME.fullmatch(name) else None


def maildir_of(template: str | None, recipient: Mailbox) -> str | None:
    """The Maildir of `recipient` by its route's template; None where its local part would have to name it and
    cannot, and where the route has none, since it leads elsewhere.

    It never leads out of the template's folder.
    """
    name = mailbox_name(recipient)
    if template is None or (name is None and "{local_part}" in template):
        return None
    # The domain first, so that braces in a name are never expanded.
    return template.replace("{domain}", recipient.domain).replace("{local_part}", name or "")
