"""How a message goes to a server that offers this and lacks that (pure): one table, most of which hardly ever happens.

RFC 6152 (8BITMIME), RFC 3030 (BINARYMIME, CHUNKING), RFC 6531 (SMTPUTF8), RFC 1870 (SIZE).
"""

from __future__ import annotations

import enum

import attrs

from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis


class Form(enum.Enum):
    """What is sent after the envelope."""

    SEVEN_BIT = "as it is"  # it is ASCII already
    EIGHT_BIT = "BODY=8BITMIME"
    BINARY = "BODY=BINARYMIME, by BDAT"
    CONVERTED = "converted to seven bits"


@attrs.frozen(kw_only=True)
class Needs:
    """What a message needs of a server: `size` octets; content with octets above 127; content whose lines mean nothing;
    UTF-8 in the sender's address or in the header (not merely the wish for SMTPUTF8).
    """

    size: int
    eight_bit: bool
    binary: bool
    utf8: bool


def form_for(needs: Needs, offer: ServerOffer) -> Form | Diagnosis:
    """The form, or why there is none."""
    if 0 < offer.size < needs.size:
        return Diagnosis.MESSAGE_TOO_LARGE
    if needs.utf8 and not offer.smtputf8:
        return Diagnosis.SMTPUTF8_NOT_OFFERED
    if needs.binary:
        return Form.BINARY if offer.binary else Form.CONVERTED
    if needs.eight_bit:
        return Form.EIGHT_BIT if offer.eight_bit else Form.CONVERTED
    return Form.SEVEN_BIT
