"""The command line as Postfix's sendmail takes it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import BodyType, Notify, Returned
from fopemta.sendmail.command_line import CommandMode, CommandOrder, Usage, read

# The argument vectors of programs, found by reading their sources; what they mean.
PROGRAMS: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
    "cron of Debian": (
        ["/usr/sbin/sendmail", "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"],
        {"dot_ends": False, "full_name": "CronDaemon", "body": BodyType.EIGHT_BIT_MIME, "recipients": ("root",)},
    ),
    "cronie": (
        ["/usr/sbin/sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
        {"dot_ends": False, "full_name": "CronDaemon", "from_header": True, "sender": "root"},
    ),
    "at": (["/usr/sbin/sendmail", "-i", "anna"], {"dot_ends": False, "recipients": ("anna",)}),
    "PHP": (["sendmail", "-t", "-i"], {"from_header": True, "dot_ends": False}),
    "PHP with additional parameters": (
        ["sendmail", "-t", "-i", "-fwww@us.test"],
        {"from_header": True, "dot_ends": False, "sender": "www@us.test"},
    ),
    "git send-email": (
        ["/usr/sbin/sendmail", "-i", "a@us.test", "b@peer.test"],
        {"dot_ends": False, "recipients": ("a@us.test", "b@peer.test")},
    ),
    "git send-email with an envelope sender": (
        ["/usr/sbin/sendmail", "-f", "me@us.test", "-i", "a@us.test"],
        {"sender": "me@us.test", "dot_ends": False, "recipients": ("a@us.test",)},
    ),
    "mutt": (
        ["sendmail", "-oem", "-oi", "-f", "me@us.test", "-N", "failure,delay", "-R", "hdrs", "--", "a@us.test"],
        {
            "dot_ends": False, "sender": "me@us.test", "notify": frozenset({Notify.FAILURE, Notify.DELAY}),
            "returned": Returned.HEADERS, "recipients": ("a@us.test",),
        },
    ),
    "mutt with 8 bits": (
        ["sendmail", "-oem", "-oi", "-B8BITMIME", "--", "-a@us.test"],
        {"dot_ends": False, "body": BodyType.EIGHT_BIT_MIME, "recipients": ("-a@us.test",)},
    ),
    "bsd-mailx": (["send-mail", "-i", "a@us.test"], {"dot_ends": False, "recipients": ("a@us.test",)}),
    "GNU mailutils": (
        ["sendmail", "-oi", "-f", "me@us.test", "-t"],
        {"dot_ends": False, "sender": "me@us.test", "from_header": True},
    ),
    "s-nail": (
        ["sendmail", "-i", "-r", "me@us.test", "-v", "a@us.test"],
        {"dot_ends": False, "sender": "me@us.test", "verbose": True, "recipients": ("a@us.test",)},
    ),
    "alpine": (["sendmail", "-bs", "-odb", "-oem"], {"mode": CommandMode.SMTP}),
    "Mailman 2, Majordomo": (
        ["sendmail", "-f", "", "-oi", "list@us.test"],
        {"sender": "", "dot_ends": False, "recipients": ("list@us.test",)},
    ),
    "vacation": (
        ["sendmail", "-f", "<>", "-N", "never", "--", "a@us.test"],
        {"sender": "<>", "notify": frozenset({Notify.NEVER}), "recipients": ("a@us.test",)},
    ),
    "logwatch": (["sendmail", "-t"], {"from_header": True}),
    "fail2ban": (["sendmail", "-t", "-f", "f2b@us.test", "root"],
        {"from_header": True, "sender": "f2b@us.test", "recipients": ("root",)}),
    "mailq": (["/usr/bin/mailq"], {"mode": CommandMode.QUEUE}),
    "newaliases": (["newaliases"], {"mode": CommandMode.ALIASES}),
    "sendmail -bi": (["sendmail", "-bi"], {"mode": CommandMode.ALIASES}),
    "sendmail -I": (["sendmail", "-I"], {"mode": CommandMode.ALIASES}),
    "sendmail -bp": (["sendmail", "-bp"], {"mode": CommandMode.QUEUE}),
    "ppp up": (["sendmail", "-q"], {"mode": CommandMode.FLUSH}),
    "one domain": (["sendmail", "-qRpeer.test"], {"mode": CommandMode.FLUSH, "flush_site": "peer.test"}),
    "one message": (["sendmail", "-qI0vyKfVczdK5G1f"], {"mode": CommandMode.FLUSH, "flush_id": "0vyKfVczdK5G1f"}),
}  # fmt: skip

MEANINGS: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
    "an attached argument": (["-fa@us.test"], {"sender": "a@us.test"}),
    "a separate one": (["-f", "a@us.test"], {"sender": "a@us.test"}),
    "one that looks like an option": (["-f", "-t", "b"], {"sender": "-t", "recipients": ("b",)}),
    "a cluster": (["-tiv"], {"from_header": True, "dot_ends": False, "verbose": True}),
    "a cluster that ends in an argument": (["-tif", "a"], {"from_header": True, "dot_ends": False, "sender": "a"}),
    "-- ends options": (["-i", "--", "-t"], {"dot_ends": False, "recipients": ("-t",)}),
    "the first recipient ends options": (["a", "-t"], {"recipients": ("a", "-t")}),
    "a lone hyphen is a word": (["-"], {"recipients": ("-",)}),
    "-oi with a blank": (["-o", "i"], {"dot_ends": False}),
    "-o7": (["-o7"], {"body": BodyType.SEVEN_BIT}),
    "-o8": (["-o8"], {"body": BodyType.EIGHT_BIT_MIME}),
    "-B in lower case": (["-B", "8bitmime"], {"body": BodyType.EIGHT_BIT_MIME}),
    "-V": (["-V", "id-7"], {"envelope_id": "id-7"}),
    "-V that is too long": (["-V", "x" * 101], {"ignored": ("-V",)}),
    "-V with a blank": (["-V", "a b"], {"ignored": ("-V",)}),
    "-C": (["-C/etc/x.toml"], {"config": "/etc/x.toml"}),
    "-N wrong": (["-N", "sometimes"], {"ignored": ("-N sometimes",)}),
    "-N never with others": (["-N", "never,delay"], {"ignored": ("-N never,delay",)}),
    "-N success": (["-Nsuccess, failure"], {"notify": frozenset({Notify.SUCCESS, Notify.FAILURE})}),
    "-R wrong": (["-R", "some"], {"ignored": ("-R some",)}),
    "-R full": (["-Rfull"], {"returned": Returned.FULL}),
    "-bm": (["-bm", "a"], {"recipients": ("a",)}),
    "what means nothing here": (
        ["-GU", "-A", "c", "-h3", "-L", "x", "-n", "-m", "-O", "DeliveryMode=b", "-X", "/l", "-p", "x", "-e", "m", "-c",
         "-x", "a"],
        {"recipients": ("a",)},
    ),
    "the last one counts": (["-f", "a", "-r", "b"], {"sender": "b"}),
}  # fmt: skip

WRONG: dict[str, tuple[Sequence[str], str]] = {
    "unknown": (["-Z"], "unknown option: -Z"),
    "unknown in a cluster": (["-tZ"], "unknown option: -Z"),
    "no argument": (["-i", "-f"], "option -f needs an argument"),
    "-bd": (["-bd"], "started by `twistd fopemta`"),
    "-bd as is usual": (["-bd", "-q15m"], "started by `twistd fopemta`"),
    "-bl": (["-bl"], "started by `twistd fopemta`"),
    "-bv": (["-bv", "a"], "`fopemta explain`"),
    "-bt": (["-bt"], "`fopemta explain`"),
    "-bh": (["-bh"], "`fopemta hosts`"),
    "-b with nonsense": (["-bx"], "there is no such mode"),
    "an interval": (["-q30m"], "the server tries again by itself"),
    "-qS": (["-qSpeer.test"], "only -q, -qRdomain and -qIid"),
    "-qR without": (["-qR"], "only -q, -qRdomain and -qIid"),
    "-B": (["-B", "BINARYMIME"], "needs 7BIT or 8BITMIME"),
    "-t and -bs": (["-bs", "-t"], "option -t has no meaning"),
    "recipients and -bs": (["-bs", "a"], "no recipients are expected"),
    "recipients and -q": (["-q", "a"], "no recipients are expected"),
    "recipients and newaliases": (["-bi", "a"], "no recipients are expected"),
}


class CommandLineTests(SynchronousTestCase):
    def test_programs_are_understood(self) -> None:
        for name, (words, said) in PROGRAMS.items():
            self.assertEqual(read(words), CommandOrder(**said), name)

    def test_options_mean_what_they_mean_to_postfix(self) -> None:
        for name, (words, said) in MEANINGS.items():
            self.assertEqual(read(["sendmail", *words]), CommandOrder(**said), name)

    def test_what_is_wrong_is_said(self) -> None:
        for name, (words, why) in WRONG.items():
            with self.assertRaises(Usage, msg=name) as caught:
                read(["sendmail", *words])
            self.assertIn(why, str(caught.exception), name)

    def test_no_name_at_all(self) -> None:
        self.assertEqual(read([]), CommandOrder())

    def test_all_that_the_parser_can_say_is_in_some_table(self) -> None:
        usual = attrs.asdict(CommandOrder(), recurse=False)
        said = {name for _, each in (*PROGRAMS.values(), *MEANINGS.values()) for name in each}
        self.assertEqual(said, set(usual))


# Options without an argument, and those with one that they may have.
_SIMPLE = "tivGUnmcx"
_ARGUED = {"f": "a@us.test", "F": "Some One", "B": "8BITMIME", "V": "id", "N": "delay", "R": "full", "C": "/c",
           "L": "x", "O": "a=b", "o": "em", "h": "3", "X": "log", "A": "c", "e": "m", "p": "x"}  # fmt: skip


class ClusterTests(SynchronousTestCase):
    def test_options_mean_the_same_however_they_are_written(self) -> None:
        """One by one, in clusters, with attached and with separate arguments; with any recipients behind."""
        for seed in range(1000):
            chance = random.Random(seed)
            chosen = chance.sample([*_SIMPLE, *_ARGUED], chance.randrange(12))
            recipients = chance.sample(["a@us.test", "-t", "b", "--", "-f"], chance.randrange(3))
            apart: list[str] = []
            for letter in chosen:
                apart += [f"-{letter}", _ARGUED[letter]] if letter in _ARGUED else [f"-{letter}"]
            together = _clusters(chosen, chance)
            self.assertEqual(
                read(["sendmail", *apart, "--", *recipients]),
                read(["sendmail", *together, "--", *recipients]),
                f"seed {seed}: {together}",
            )
            self.assertEqual(read(["sendmail", *together, "--", *recipients]).recipients, tuple(recipients))

    def test_any_words_are_understood_or_refused(self) -> None:
        letters = "tifFBbqNRVoOCvIG-ZR m@.8"
        for seed in range(3000):
            chance = random.Random(seed)
            words = ["".join(chance.choices(letters, k=chance.randrange(6))) for _ in range(chance.randrange(6))]
            try:
                order = read(["sendmail", *words])
            except Usage as wrong:
                self.assertTrue(str(wrong))
            else:
                self.assertEqual(tuple(words[len(words) - len(order.recipients) :]), order.recipients)


def _clusters(chosen: Sequence[str], chance: random.Random) -> list[str]:
    words: list[str] = []
    open_cluster = False
    for letter in chosen:
        if open_cluster and chance.random() < 0.6:
            words[-1] += letter
        else:
            words.append(f"-{letter}")
        open_cluster = letter not in _ARGUED
        if letter in _ARGUED:
            if chance.random() < 0.5:
                words[-1] += _ARGUED[letter]
            else:
                words.append(_ARGUED[letter])
    return words
