"""How a message goes to a server: the whole table."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from fopemta.attempt.carriage import Form, Needs, form_for
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis

NOTHING, EIGHT = ServerOffer(), ServerOffer(eight_bit=True)
BINARY = ServerOffer(eight_bit=True, chunking=True, binary=True)
EVERYTHING = ServerOffer(eight_bit=True, chunking=True, binary=True, smtputf8=True)


class CarriageTests(SynchronousTestCase):
    def test_table(self) -> None:
        forms = {
            # (8-bit, binary): nothing offered, 8BITMIME, BINARYMIME too
            (False, False): (Form.SEVEN_BIT, Form.SEVEN_BIT, Form.SEVEN_BIT),
            (True, False): (Form.CONVERTED, Form.EIGHT_BIT, Form.EIGHT_BIT),
            (False, True): (Form.CONVERTED, Form.CONVERTED, Form.BINARY),
            (True, True): (Form.CONVERTED, Form.CONVERTED, Form.BINARY),
        }
        for (eight_bit, binary), wanted in forms.items():
            needs = Needs(size=10, eight_bit=eight_bit, binary=binary, utf8=False)
            self.assertEqual(tuple(form_for(needs, offer) for offer in (NOTHING, EIGHT, BINARY)), wanted)

    def test_utf8_in_the_header_cannot_be_converted(self) -> None:
        for eight_bit, binary in itertools.product((False, True), repeat=2):
            needs = Needs(size=10, eight_bit=eight_bit, binary=binary, utf8=True)
            self.assertIs(form_for(needs, BINARY), Diagnosis.SMTPUTF8_NOT_OFFERED)
            self.assertIsInstance(form_for(needs, EVERYTHING), Form)

    def test_C093_size(self) -> None:
        needs = Needs(size=100, eight_bit=False, binary=False, utf8=False)
        table = {
            0: Form.SEVEN_BIT,
            1: Diagnosis.MESSAGE_TOO_LARGE,
            99: Diagnosis.MESSAGE_TOO_LARGE,
            100: Form.SEVEN_BIT,
        }
        self.assertEqual({size: form_for(needs, ServerOffer(size=size)) for size in table}, table)


class ServerOfferTests(SynchronousTestCase):
    def test_from_an_answer_to_ehlo(self) -> None:
        table = {
            (): ServerOffer(),
            (("SIZE", ""),): ServerOffer(says_size=True),
            (("SIZE", "100"), ("PIPELINING", "")): ServerOffer(says_size=True, size=100, pipelining=True),
            (("SIZE", "9" * 30),): ServerOffer(says_size=True),
            (("BINARYMIME", ""),): ServerOffer(),  # of no use without CHUNKING
            (("BINARYMIME", ""), ("CHUNKING", "")): ServerOffer(binary=True, chunking=True),
            (("LIMITS", "RCPTMAX=20 mailmax=5 X=y RCPTDOMAINMAX=1"),): ServerOffer(
                recipients=20, messages=5, domains=1
            ),
            (("LIMITS", "RCPTMAX=x MAILMAX"),): ServerOffer(),
            (("DSN", ""), ("SMTPUTF8", ""), ("8BITMIME", "")): ServerOffer(dsn=True, smtputf8=True, eight_bit=True),
        }
        self.assertEqual({lines: ServerOffer.of(dict(lines)) for lines in table}, table)
