"""`via` of a route."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.route import Via, Way, read_via
from fopemta.settings.place import WRONG, Place


class ViaTests(SynchronousTestCase):
    def test_every_form(self) -> None:
        expected = {
            "mx": Way(Via.MX),
            "smtp:Mail.Example.net": Way(Via.SMTP, "mail.example.net"),
            "smtp:mail.example.net:2525": Way(Via.SMTP, "mail.example.net", 2525),
            "smtp:192.0.2.1": Way(Via.SMTP, "192.0.2.1"),
            "smtp:192.0.2.1:26": Way(Via.SMTP, "192.0.2.1", 26),
            "smtp:[192.0.2.1]:26": Way(Via.SMTP, "192.0.2.1", 26),
            "smtp:[2001:db8::1]": Way(Via.SMTP, "2001:db8::1"),
            "smtp:[2001:db8::1]:26": Way(Via.SMTP, "2001:db8::1", 26),
            "maildir:/mail/{domain}/{local_part}": Way(Via.MAILDIR, maildir="/mail/{domain}/{local_part}"),
            "maildir:../mail": Way(Via.MAILDIR, maildir="/etc/mail"),
        }
        self.assertEqual({text: read_via(text, Place("via", "/etc/fopemta", [])) for text in expected}, expected)

    def test_everything_else_is_refused_once(self) -> None:
        for value in (
            "", "MX", "mx:", "smtp", "smtp:", "smtp::25", "smtp:2001:db8::1", "smtp:a:0", "smtp:a b", "lmtp:/run/x",
            "maildir", "maildir:", "maildir:{", "maildir:}", "maildir:{user}", "maildir:{}", "maildir:{domain!r}",
            "maildir:{domain.x}", "maildir:{domain:>9}", 5, None, ["mx"],
        ):  # fmt: skip
            place = Place("via", "/etc/fopemta", [])
            self.assertIs(read_via(value, place), WRONG, repr(value))
            self.assertEqual(len(place.errors), 1, repr(value))
