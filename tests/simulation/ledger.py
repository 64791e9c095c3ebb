"""What became of everything that was accepted: the second half of the judgement, from the outside alone, too."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.simulation.history import Acceptance, History, Transaction, Verdict
from tests.simulation.inputs import LOCAL
from tests.simulation.oracle import Oracle, names_of

# The stated window: what a power cut may repeat, and what is under way when a process is killed.
_WINDOW = 3.5
_TOKEN = re.compile(r"m(\d+)z")
_X_TOKEN = re.compile(rb"^X-Token: m(\d+)z\r?$", re.MULTILINE)


class Ledger:
    """Judges `history`; `oracle` says who had to get what."""

    def __init__(self, history: History, oracle: Oracle) -> None:
        self._history = history
        self._oracle = oracle
        self._number_of = {each.id: number for number, each in oracle.by_number.items() if each.id}
        # Deliveries on the wire and into mailboxes here, by number and recipient.
        self._wire: dict[tuple[int, str], list[Transaction]] = defaultdict(list)
        self._boxes: dict[tuple[int, str], int] = defaultdict(int)
        for each in history.transactions:
            match = _TOKEN.search(each.sender)
            for address in each.accepted if match else ():
                self._wire[int(match[1]), address].append(each)  # type: ignore[index]
        for box, content in history.mailboxes:
            found = _X_TOKEN.search(content.partition(b"\n\n")[0])
            if found and b"Return-Path: <>" not in content:
                self._boxes[int(found[1]), f"{box}@{LOCAL}"] += 1
        self._open = {
            (each["id"], recipient["address"]): recipient["state"]
            for each in history.queue
            for recipient in each["recipients"]
            if recipient["state"] in ("queued", "held")
        }
        self._failed = {
            (each.facts["message"], each.facts["recipient"])
            for each in history.verdicts
            if each.facts["result"] == "failed"
        }

    def complaints(self) -> Iterator[str]:
        """All of them."""
        yield from (f"a bug: {each}" for each in self._history.bugs)
        yield from self._still_there()
        for acceptance in self._history.acceptances:
            if acceptance.tick is not None:
                yield from self._outcomes(acceptance)
        yield from self._reports()
        yield from self._verdicts()
        yield from self._unrecorded()

    def _still_there(self) -> Iterator[str]:
        for (message_id, address), state in self._open.items():
            if not address.startswith("postmaster@"):
                yield f"{message_id} to {address} stands still, {state}"

    def _outcomes(self, acceptance: Acceptance) -> Iterator[str]:
        number, gone = acceptance.message.number, {each for each, _ in self._history.removed}
        for final in self._oracle.finals(number):
            box, _, domain = final.partition("@")
            key = number, (f"{box.partition('+')[0]}@{domain}" if domain == LOCAL else final)
            times = len(self._wire[key]) + self._boxes[key]
            failed = (acceptance.id, final) in self._failed
            waits = (acceptance.id, final) in self._open
            if not (times or failed or waits or acceptance.id in gone):
                yield f"message {number} ({acceptance.id}) to {final} is lost"
            if times and failed and not self._history.endings:
                yield f"message {number} ({acceptance.id}) to {final} is delivered and failed"
            yield from self._repeated(number, final, key)
        expected = set(self._oracle.finals(number))
        for _, address in [key for key in self._wire if key[0] == number] if expected else []:
            if address not in expected:
                yield f"message {number} was delivered to {address}, to whom nobody has sent it"

    def _repeated(self, number: int, final: str, key: tuple[int, str]) -> Iterator[str]:
        if self._boxes[key] > 1 and not self._history.endings:
            yield f"message {number} to {final} is {self._boxes[key]} times in its mailbox"
        moments = [each.taken_at for each in self._wire[key]]
        for before, after in itertools.pairwise(moments):
            if not any(before - _WINDOW <= each.at <= before + _WINDOW for each in self._history.endings):
                yield f"message {number} to {final} was delivered at {before:.3f} and again at {after:.3f}"

    def _reports(self) -> Iterator[str]:
        """Whoever must be told is told, and no notice is lost."""
        told = {message for _, message, _, _ in self._history.reports}
        for acceptance in self._oracle.by_number.values():
            wanted = dict(acceptance.message.recipients)
            for final in self._oracle.finals(acceptance.message.number):
                asked = [wanted[each] for each in wanted if each == final]
                silent = not asked or asked[0] in ("NEVER", "DELAY") or acceptance.id in self._removed_ids
                # The log may speak of a failure that was not recorded before the power failed: then it was tried again.
                key = acceptance.message.number, final
                after_all = self._history.endings and (self._wire[key] or self._boxes[key])
                if (acceptance.id, final) in self._failed and not (silent or after_all or acceptance.id in told):
                    yield f"message {acceptance.message.number} failed for {final}, and nobody is told"
        ended = {each.facts["message"] for each in self._history.verdicts if each.facts["result"] != "deferred"}
        waiting = {message_id for message_id, _ in self._open}
        for _, message, report, recipient in self._history.reports:
            if report not in ended and report not in waiting and report not in self._removed_ids:
                yield f"the notice {report} about {message} to {recipient} is lost"

    @property
    def _removed_ids(self) -> set[str]:
        return {each for each, _ in self._history.removed}

    # --- records ---------------------------------------------------------------------------------------------------

    def _verdicts(self) -> Iterator[str]:
        """Each record of a delivery says what the wire shows."""
        for each in self._history.verdicts:
            if each.facts["result"] == "delivered" and each.facts["rung"] is not None:
                yield from self._compared(each)

    def _compared(self, verdict: Verdict) -> Iterator[str]:
        facts = verdict.facts
        number = self._number_of.get(facts["message"])
        seen = [
            each
            for each in self._history.transactions
            if facts["recipient"] in each.accepted
            and each.host == facts["host"]
            and each.tick < verdict.tick
            and (number is None or f"m{number}z" in each.sender)
        ]
        what = f"{facts['message']} to {facts['recipient']} at {verdict.at:.3f}"
        shown = (facts["protocol"], facts["cipher"])
        fitting = [each for each in seen if _of(each) == shown]
        if not fitting:
            yield f"the record of {what} says {shown}, and the wire has {[_of(each) for each in seen]}"
        elif facts["authenticated"] and not any(_proven(each) for each in fitting):
            yield f"the record of {what} says that {facts['host']} was authenticated"
        elif (facts["rung"] == "plain") is not (shown == (None, None)):
            yield f"the record of {what} says {facts['rung']} with {shown}"

    def _unrecorded(self) -> Iterator[str]:
        """What a server has taken is on record, unless the process ended at that moment."""
        recorded = {
            (each.facts["message"], each.facts["recipient"])
            for each in self._history.verdicts
            if each.facts["result"] == "delivered"
        }
        for (number, address), found in [item for item in self._wire.items() if item[1]]:
            message_id = self._oracle.by_number[number].id if number in self._oracle.by_number else ""
            if message_id and (message_id, address) not in recorded and not self._history.endings:
                yield f"message {number} to {address} was taken at {found[-1].at:.3f}, and no record says so"


def _of(transaction: Transaction) -> tuple[str | None, str | None]:
    return (None, None) if transaction.tls is None else (transaction.tls.protocol, transaction.tls.cipher)


def _proven(transaction: Transaction) -> bool:
    """Some demand could be met by this certificate."""
    tls = transaction.tls
    return tls is not None and tls.certificate not in ("self-signed", "expired") and bool(names_of(tls.certificate, ""))
