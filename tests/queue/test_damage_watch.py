"""Postmaster is told of damage in the spool."""

from __future__ import annotations

from email import message_from_bytes

from fopemta.mail.damage import PutAside
from tests.queue.test_dispatcher import Base


class DamageTests(Base):
    """By the dispatcher, whenever it looks."""

    def setUp(self) -> None:
        super().setUp()
        self.courier.slow.add("us.test")

    def notices(self) -> list[tuple[list[str], str, list[str]]]:
        """Recipients, subject, and the lines that begin with a blank."""
        found = []
        for kept in self.reports():
            recipients = [str(each.address) for each in kept.message.recipients]
            message = message_from_bytes(kept.content)
            lines = message.get_payload().splitlines()
            found.append((recipients, message["Subject"], [line.strip() for line in lines if line.startswith(" ")]))
        return found

    def test_postmaster_is_told_once_of_what_was_found_together(self) -> None:
        self.spool.damage = [PutAside("deferred/07/A.msg", "file is empty"), PutAside("intake/notes", "no segment")]
        self.dispatcher.start([])
        told = ["deferred/07/A.msg", "file is empty", "intake/notes", "no segment"]
        wanted = (["postmaster@us.test"], "us.test: 2 damaged items in the mail spool", told)
        self.assertEqual(self.notices(), [wanted])
        self.assertEqual(self.courier.carried, [(1_000_000.0, "postmaster@us.test")])
        self.wait(300)
        self.assertEqual(len(self.notices()), 1)

    def test_what_is_found_later_is_told_later(self) -> None:
        self.wait(60)
        self.spool.damage = [PutAside("deferred/07/A.msg", "gone")]
        self.wait(30)
        self.assertEqual(len(self.notices()), 1)

    def test_what_the_spool_cannot_take_is_told_when_it_can(self) -> None:
        self.spool.damage = [PutAside("deferred/07/A.msg", "gone")]
        self.spool.full = True
        self.wait(60)
        self.spool.damage = [PutAside("deferred/07/B.msg", "gone")]
        self.spool.full = False
        self.wait(30)
        ((_, subject, _),) = self.notices()
        self.assertEqual(subject, "us.test: 2 damaged items in the mail spool")

    def test_thousands_are_counted_and_some_are_named(self) -> None:
        self.spool.damage = [PutAside(f"deferred/{number}\nX: y", "gone" * 500) for number in range(3000)]
        self.wait(30)
        ((_, subject, lines),) = self.notices()
        self.assertEqual(subject, "us.test: 3000 damaged items in the mail spool")
        self.assertEqual((len(lines), lines[0], lines[-1]), (101, "deferred/0 X: y", "and 2950 more"))
        self.assertLess(max(len(line) for line in self.reports()[0].content.splitlines()), 998)
