"""The notice about damage, whole."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.damage import PutAside
from fopemta.report.damage_notice import damage_notice
from fopemta.report.facts import Facts

FACTS = Facts(
    hostname="mx.example.org", postmaster="postmaster@example.org", report_id="0BCDFGHJKM", now=1795584585.0, lifetime=1
)
WHOLE = """\
From: Mail Delivery System <postmaster@example.org>
To: <postmaster@example.org>
Subject: mx.example.org: 1 damaged item in the mail spool
Date: Wed, 25 Nov 2026 05:29:45 +0000
Message-ID: <0BCDFGHJKM@mx.example.org>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

This is the mail server mx.example.org.

Something in the mail spool was damaged and has been quarantined. It may
contain accepted mail: that mail is not delivered, and its senders have
not been notified. All other mail is delivered.

1 damaged item:

  /var/spool/fopemta/deferred/07/x?y.msg
      file is empty

Each item is in the folder "corrupt" of the spool, with a file of the
same name ending in ".reason". Nothing there is deleted or read again by
the server. Look for the cause: a failing disk, a crash of the machine
with a disk that loses what it has confirmed, or another program that
writes into the spool.
"""


class DamageNoticeTests(SynchronousTestCase):
    def test_whole(self) -> None:
        damage = [PutAside("/var/spool/fopemta/deferred/07/x\u00e9y.msg", "file is empty")]
        self.assertEqual(damage_notice(FACTS, damage).decode("ascii").replace("\r\n", "\n"), WHOLE)
