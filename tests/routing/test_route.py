"""`via` of a route."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.route import Route, Via, WrittenVia, read_via
from fopemta.settings.place import WRONG, Place


class ViaTests(SynchronousTestCase):
    def test_every_form(self) -> None:
        expected = {
            "mx": WrittenVia(Via.MX),
            "smtp:Mail.Example.net": WrittenVia(Via.SMTP, "mail.example.net"),
            "smtp:mail.example.net:2525": WrittenVia(Via.SMTP, "mail.example.net", 2525),
            "smtp:192.0.2.1": WrittenVia(Via.SMTP, "192.0.2.1"),
            "smtp:192.0.2.1:26": WrittenVia(Via.SMTP, "192.0.2.1", 26),
            "smtp:[192.0.2.1]:26": WrittenVia(Via.SMTP, "192.0.2.1", 26),
            "smtp:[2001:db8::1]": WrittenVia(Via.SMTP, "2001:db8::1"),
            "smtp:[2001:db8::1]:26": WrittenVia(Via.SMTP, "2001:db8::1", 26),
            "maildir:/mail/{domain}/{local_part}": WrittenVia(Via.MAILDIR, maildir="/mail/{domain}/{local_part}"),
            "maildir:../mail": WrittenVia(Via.MAILDIR, maildir="/etc/mail"),
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


class KindTests(SynchronousTestCase):
    """What differs between the kinds of way is asked of the route."""

    def test_every_kind(self) -> None:
        routes = {
            Via.MX: Route(domain="d.test"),
            Via.SMTP: Route(domain="d.test", via=Via.SMTP, host="mx.test", port=26),
            Via.MAILDIR: Route(domain="d.test", via=Via.MAILDIR, maildir="/m/{local_part}"),
        }
        self.assertEqual(set(routes), set(Via))
        self.assertEqual(
            {via: (each.is_local, each.fixed_host, each.by_mx, each.word) for via, each in routes.items()},
            {
                Via.MX: (False, None, True, None),
                Via.SMTP: (False, "mx.test", False, "smtp:mx.test:26"),
                Via.MAILDIR: (True, None, False, "maildir:/m/{local_part}"),
            },
        )
        self.assertEqual(Route(domain="d.test", via=Via.SMTP, host="::1").word, "smtp:::1")
