r"""Replays every dialogue file: into the session whole and cut at every octet, and over a connection with real TLS.

`C: ` what the client says (with CRLF; `\r` and `\n` written out are octets), `S: ` what the server answers, line by
line ("..." at the end stands for anything, "250-..." for all lines of a longer answer), `-- TLS` a handshake.
`# name: value` in the first lines is a setting, other `#` lines are comments.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import ListenerTls
from tests.inbound.inbound import Inbound
from tests.smtp.conversation import Conversation, rules

FOLDER = Path(__file__).resolve().parent
FILES = sorted(FOLDER.glob("*.txt"))


class Connection:
    """The listener's side of a dialogue: what `Conversation` does for the session alone."""

    def __init__(self, tls_required: bool = False, errors: int = 20) -> None:
        tls = ListenerTls.REQUIRED if tls_required else ListenerTls.OPPORTUNISTIC
        inbound = Inbound(tls, domain="local.test", message_size=1000, recipients=3, errors=errors)
        numbers = itertools.count(1)
        node = attrs.evolve(inbound.config.node, hostname="mx.test")
        inbound.factory.reconfigure(attrs.evolve(inbound.config, node=node))
        inbound.exchange(ids=lambda: f"ID{next(numbers)}")
        self.talk = inbound.open()

    def say(self, data: bytes) -> bytes:
        return self.talk.say(data)

    def secure(self) -> None:
        self.talk.start_tls()

    @property
    def sent(self) -> bytes:
        return self.talk.client.heard


class Script:
    """A dialogue file: settings, and turns of (what is said, what is expected back)."""

    def __init__(self, path: Path) -> None:
        self.settings: dict[str, Any] = {}
        self.turns: list[tuple[bytes | None, list[str]]] = [(b"", [])]
        for line in path.read_text().split("\n"):
            self.read(line)

    def read(self, line: str) -> None:
        if line.startswith("C: "):
            said = (line[3:] + "\\r\\n").replace("\\r", "\r").replace("\\n", "\n").encode()
            before, expected = self.turns[-1]
            if before and not expected:
                self.turns[-1] = (before + said, [])
            else:
                self.turns.append((said, []))
        elif line.startswith("S: "):
            self.turns[-1][1].append(line[3:])
        elif line == "-- TLS":
            self.turns.append((None, []))
        elif line.startswith("# ") and ": " in line:
            name, _, value = line[2:].partition(": ")
            if name in ("tls_required", "errors"):
                self.settings[name] = value == "yes" if name == "tls_required" else int(value)

    def play(self, cut: int | None = None) -> list[str]:
        """Every difference between what is expected and what the session says; `cut` divides each turn there."""
        return self.play_to(Conversation(rules(**self.settings)), cut)

    def play_over_a_connection(self) -> list[str]:
        return self.play_to(Connection(**self.settings))

    def play_to(self, talk: Conversation | Connection, cut: int | None = None) -> list[str]:
        differences, heard = [], 0
        for said, expected in self.turns:
            if said is None:
                talk.secure()
            else:
                pieces = [said] if cut is None else [said[:cut], said[cut:]]
                for piece in pieces:
                    talk.say(piece)
            answer = talk.sent[heard:].decode().split("\r\n")[:-1]
            heard = len(talk.sent)
            if not same(expected, answer):
                differences.append(f"{said!r}: expected {expected}, got {answer}")
        return differences


def same(expected: list[str], answer: list[str]) -> bool:
    if len(expected) == 1 and expected[0].endswith("-..."):
        return bool(answer) and all(line.startswith(expected[0][:3]) for line in answer)
    if len(expected) != len(answer):
        return False
    return all(
        got.startswith(want[:-3]) if want.endswith("...") else got == want
        for want, got in zip(expected, answer, strict=True)
    )


class DialogueTests(SynchronousTestCase):
    def test_there_are_dialogues(self) -> None:
        self.assertGreaterEqual(len(FILES), 12)

    def test_whole(self) -> None:
        self.assertEqual({path.name: Script(path).play() for path in FILES}, {path.name: [] for path in FILES})

    def test_over_a_connection(self) -> None:
        found = {path.name: Script(path).play_over_a_connection() for path in FILES}
        self.assertEqual(found, {path.name: [] for path in FILES})

    def test_cut_at_every_octet(self) -> None:
        for path in FILES:
            script = Script(path)
            longest = max(len(said or b"") for said, _ in script.turns)
            for cut in range(1, longest):
                self.assertEqual(script.play(cut), [], f"{path.name} cut at {cut}")

    def test_a_wrong_expectation_is_noticed(self) -> None:
        script = Script(FOLDER / "greeting.txt")
        script.turns[1] = (script.turns[1][0], ["250 other.test"])
        self.assertEqual(len(script.play()), 1)
