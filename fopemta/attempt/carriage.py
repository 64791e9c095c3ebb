"""The form in which a message is sent to a server with these extensions (pure): one table of mostly rare cases.

RFC 6152 (8BITMIME), RFC 3030 (BINARYMIME, CHUNKING), RFC 6531 (SMTPUTF8), RFC 1870 (SIZE).
"""

from __future__ import annotations

import enum

import attrs

from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis


class Form(enum.Enum):
    """The form of the content after the envelope."""

    SEVEN_BIT = "as it is"  # it is already ASCII
    EIGHT_BIT = "BODY=8BITMIME"
    BINARY = "BODY=BINARYMIME, by BDAT"
    CONVERTED = "converted to seven bits"


@attrs.frozen(kw_only=True)
class Needs:
    """What a message requires of a server: `size` in octets; octets above 127; binary content; UTF-8 in the sender's
    address or the header (a mere request for SMTPUTF8 does not count).
    """

    size: int
    eight_bit: bool
    binary: bool
    utf8: bool


def form_for(needs: Needs, offer: ServerOffer) -> Form | Diagnosis:
    """The form; or why the message cannot be sent there."""
    if 0 < offer.size < needs.size:
        return Diagnosis.MESSAGE_TOO_LARGE
    if needs.utf8 and not offer.smtputf8:
        return Diagnosis.SMTPUTF8_NOT_OFFERED
    if needs.binary:
        return Form.BINARY if offer.binary else Form.CONVERTED
    if needs.eight_bit:
        return Form.EIGHT_BIT if offer.eight_bit else Form.CONVERTED
    return Form.SEVEN_BIT
