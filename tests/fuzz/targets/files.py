"""Files that a crash, a disk or a person has damaged: those of the spool, of the configuration, and what is written by
hand.  None of them is a stranger's, but each holds words of some.
"""

from __future__ import annotations

from collections.abc import Callable

from fopemta.config.load import load
from fopemta.config.rules import load_rules
from fopemta.formats.message_json import (
    facts_from_json,
    facts_to_json,
    identity_from_json,
    outcome_from_json,
    outcome_to_json,
)
from fopemta.formats.record import SEGMENT_HEADER_SIZE, Damage, Draft, Record, RecordKind, pack, scan, segment_header
from fopemta.formats.waiting_file import (
    Unsound,
    ends_soundly,
    newest_lines,
    pack_head,
    pack_line,
    parse_head_text,
    parse_journal,
)
from fopemta.mail.requests import MOST_MESSAGES, NotARequest, OrdersRequest, request_of
from fopemta.policy import aliases, recipient_list
from fopemta.policy.aliases import Aliases
from fopemta.settings.errors import ConfigurationErrors
from fopemta.spool.log.segment import parse_segment_name, segment_name
from fopemta.users import account
from fopemta.users.account import Accounts
from tests.fuzz.targets.target import Target

_TAG = bytes(range(16))


# --- the spool -------------------------------------------------------------------------------------------------------


def _log(octets: bytes) -> None:
    """The first three octets say where a log is hurt, and how; the rest is what it holds: records, "|" between them."""
    hurt, rest = octets[:3], octets[3:]
    if len(hurt) < 3:
        return
    data, whole = _segment([Draft(RecordKind.MESSAGE, "", each[:40], each[40:]) for each in rest.split(b"|")])
    assert [each for each in scan(data, _TAG) if isinstance(each, Damage)] == []
    assert scan(segment_header(_TAG) + rest, _TAG) == [] or not any(
        isinstance(each, Record) for each in scan(segment_header(_TAG) + rest, _TAG)
    )
    place = int.from_bytes(hurt[:2], "big") % len(data)
    for damaged in (
        data[:place],
        data[:place] + bytes([data[place] ^ (hurt[2] or 1)]) + data[place + 1 :],
        data[:place] + rest[: hurt[2]] + data[place + hurt[2] :],
    ):
        _check_findings(damaged, scan(damaged, _TAG), whole)


def _segment(drafts: list[Draft]) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    """The octets, and of each record where it is, its meta and its content."""
    data, whole = segment_header(_TAG), []
    for draft in drafts:
        whole.append((len(data), draft.meta, draft.content))
        data += pack(draft, _TAG, len(data), SEGMENT_HEADER_SIZE)
    return data, whole


def _check_findings(data: bytes, found: list[Record | Damage], whole: list[tuple[int, bytes, bytes]]) -> None:
    """In order, and no record but those that were written."""
    end = 0
    for each in found:
        assert each.offset >= end
        if isinstance(each, Record):
            end = each.content_offset + each.content_size
            assert (each.offset, each.meta, data[each.content_offset : end]) in whole
        else:
            end = each.end
            assert each.offset < end <= len(data)


def _message_json(octets: bytes) -> None:
    try:
        facts = facts_from_json(octets)
    except ValueError:
        pass
    else:
        # What we do not write may be read all the same (null for a word that is not said), and is not written again.
        written = facts_to_json(facts_from_json(facts_to_json(facts)))
        assert facts_to_json(facts_from_json(written)) == written
    try:
        outcome = outcome_from_json(octets)
    except ValueError:
        pass
    else:
        said = outcome_to_json(outcome.id, outcome.verdicts, outcome.finished)
        assert outcome_from_json(said) == outcome
    try:
        assert identity_from_json(octets)
    except ValueError:
        pass


def _waiting_file(octets: bytes) -> None:
    """A head and a journal, as they came; and one whose lines are as they were written, with something behind."""
    try:
        head = parse_head_text(octets)
    except Unsound:
        head = None
    assert head is None or head[1] <= len(octets)
    _journal(octets)
    good = b"".join(pack_line(each) for each in octets.split(b"\n"))
    journal = _journal(good)
    assert journal == tuple(octets.split(b"\n"))
    torn = _journal(good + octets)
    assert torn is None or torn[: len(journal)] == journal
    try:
        facts = facts_from_json(octets)
    except ValueError:
        return
    packed = pack_head(facts)
    found = parse_head_text(packed + octets)
    assert found is not None
    assert found == (facts_to_json(facts), len(packed))


def _journal(octets: bytes) -> tuple[bytes, ...] | None:
    """The lines of a journal; None where it is damaged."""
    ends_soundly(octets, True)
    newest = tuple(newest_lines(octets))
    try:
        journal = parse_journal(octets)
    except Unsound:
        return None
    assert journal.length <= len(octets)
    assert newest == journal.lines[::-1]
    return journal.lines


# --- what is written by hand -----------------------------------------------------------------------------------------


def _text(read: Callable[[str], None]) -> Callable[[bytes], None]:
    """Of what is UTF-8 at all: a file that is not is refused before."""

    def read_octets(octets: bytes) -> None:
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            return
        read(text)

    return read_octets


def _segment_name(text: str) -> None:
    found = parse_segment_name(text)
    assert found is None or segment_name(*found) == text


def _configuration(text: str) -> None:
    for read in (load, load_rules):
        try:
            read(text, "/etc/fopemta")
        except ConfigurationErrors as wrong:
            assert wrong.errors
            assert all(str(each).isprintable() for each in wrong.errors), wrong.errors


def _check_wrong(found: object) -> bool:
    """It is a list of what is wrong, fit to be shown."""
    if not isinstance(found, tuple):
        return False
    assert found
    assert all(each.startswith("line ") and each.isprintable() for each in found), found
    return True


def _aliases(text: str) -> None:
    found = aliases.parse(text, lambda domain: domain == "here.test")
    if not _check_wrong(found):
        assert isinstance(found, Aliases)
        for alias in found.by_name.values():
            assert 1 <= alias.weight <= aliases.MOST_STEPS
            assert len(alias.targets) <= aliases.MOST_TARGETS


def _recipients(text: str) -> None:
    _check_wrong(recipient_list.parse(text))


def _users(text: str) -> None:
    found = account.parse(text)
    if not _check_wrong(found):
        assert isinstance(found, Accounts)
        for each in found.by_name.values():
            assert account.account_of(each.line()) == each


def _request(octets: bytes) -> None:
    """A line at the control socket."""
    try:
        found = request_of(octets)
    except NotARequest as wrong:
        assert str(wrong)
        return
    assert not isinstance(found, OrdersRequest) or len(found.orders) <= MOST_MESSAGES


TARGETS = (
    Target("intake-log", _log),
    Target("message-json", _message_json),
    Target("waiting-file", _waiting_file),
    Target("segment-names", _text(_segment_name), (), 128),
    Target("configuration", _text(_configuration)),
    Target("aliases", _text(_aliases)),
    Target("recipient-lists", _text(_recipients)),
    Target("users", _text(_users)),
    Target("control-requests", _request),
)
