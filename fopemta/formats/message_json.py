"""Envelopes, messages and verdicts as JSON, for records, files and journals (pure).

A reader of the same format version leaves out fields that it does not know.  Every `from` raises ValueError alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import (
    Arrival,
    BodyType,
    Envelope,
    Notify,
    OriginalRecipient,
    RecipientOptions,
    Returned,
    RuleNote,
    TlsSession,
)
from fopemta.mail.identifiers import MESSAGE_ID
from fopemta.mail.plain_json import decoded, encoded, kept
from fopemta.trust.demand import NOTHING_DEMANDED, Demanded
from fopemta.trust.demand_json import demand_from_plain, demand_to_plain, demanded_from_plain, demanded_to_plain
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.verdict import VerdictRecord

T = TypeVar("T")


@attrs.frozen
class StoredFacts:
    """What never changes of a message: `arrived` seconds since the epoch, `size` octets of content.

    `separate`: the content is in a file of its own.  `digest`: lower-case hex of the content's checksum where it
    stands in the message's own file, else "".
    """

    id: str
    arrived: float
    size: int
    envelope: Envelope
    separate: bool = False
    digest: str = ""


def facts_to_json(facts: StoredFacts) -> bytes:
    """One JSON object, no line break in it."""
    plain: dict[str, Any] = {"id": facts.id, "arrived": facts.arrived, "size": facts.size}
    if facts.separate:
        plain["separate"] = True
    if facts.digest:
        plain["digest"] = facts.digest
    plain["envelope"] = _envelope_to_plain(facts.envelope)
    return encoded(plain)


def facts_from_json(text: bytes) -> StoredFacts:
    """The facts that `facts_to_json` wrote."""
    return _reading(text, _facts_from_plain)


def outcome_to_json(message_id: str, verdicts: Iterable[VerdictRecord], finished: bool = False) -> bytes:
    """One JSON object: outcomes of a message.  It may be kept for long."""
    plain: dict[str, Any] = {"id": message_id, "verdicts": [each.to_brief_json() for each in verdicts]}
    if finished:
        plain["finished"] = True
    return kept(encoded(plain))


def identity_json(message_id: str) -> bytes:
    """The JSON object of a record that only names a message."""
    return encoded({"id": message_id})


def completion_from_json(text: bytes) -> tuple[str, bool]:
    """(the message that a completion names, it is finished wherever it is: not only moved)."""
    return _reading(text, lambda plain: (_identifier(plain["id"]), bool(plain.get("finished", False))))


def identity_from_json(text: bytes) -> str:
    """The message that a record names."""
    return _reading(text, lambda plain: _identifier(plain["id"]))


@attrs.frozen
class Outcome:
    """Verdicts of one transaction.  `finished`: no recipient is left."""

    id: str
    verdicts: tuple[VerdictRecord, ...]
    finished: bool


def outcome_from_json(text: bytes) -> Outcome:
    """The outcome that `outcome_to_json` wrote."""
    return _reading(text, _outcome_from_plain)


def _reading(text: bytes, convert: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return convert(decoded(text))
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not what it should be: {error!r}") from error


def _facts_from_plain(plain: Mapping[str, Any]) -> StoredFacts:
    return StoredFacts(
        _identifier(plain["id"]),
        float(plain["arrived"]),
        int(plain["size"]),
        _envelope_from_plain(plain["envelope"]),
        bool(plain.get("separate", False)),
        str(plain.get("digest", "")),
    )


def _outcome_from_plain(plain: Mapping[str, Any]) -> Outcome:
    verdicts = tuple(VerdictRecord.from_json(each) for each in plain["verdicts"])
    return Outcome(_identifier(plain["id"]), verdicts, bool(plain.get("finished", False)))


def _identifier(text: str) -> str:
    """An id is part of file names: nothing else may come out of a file."""
    if MESSAGE_ID.fullmatch(text) is None:
        raise ValueError(f"no message id: {text!r}")
    return text


def _envelope_to_plain(envelope: Envelope) -> dict[str, Any]:
    """What has its default is not written."""
    plain: dict[str, Any] = {
        name: form.to_plain(value)
        for value, (name, default, form) in zip(_stored_fields(envelope), _ENVELOPE, strict=True)
        if value is not default and (default is None or default is attrs.NOTHING or value != default)
    }
    if envelope.options:
        # Of many recipients the same is demanded: it is written once.
        demands = list(dict.fromkeys(said.demanded for _, said in envelope.options))
        places = {each: number for number, each in enumerate(demands)}
        plain["options"] = [
            [_mailbox_to_text(each), _options_to_plain(said, places[said.demanded])] for each, said in envelope.options
        ]
        if demands != [NOTHING_DEMANDED]:
            plain["demands"] = [demanded_to_plain(each) for each in demands]
    return plain


def _options_to_plain(options: RecipientOptions, demanded: int) -> dict[str, Any]:
    """`demanded` is the place of its demands in the list of the envelope."""
    original = options.original
    plain: dict[str, Any] = {
        "notify": sorted(each.value for each in options.notify),
        "original": None if original is None else [original.kind, original.address],
    }
    if options.stands_for:
        plain["stands_for"] = [_mailbox_to_text(each) for each in options.stands_for]
    if options.by_way_of:
        plain["by_way_of"] = [_mailbox_to_text(each) for each in options.by_way_of]
    if options.leaves:
        plain["leaves"] = True
    if options.demanded != NOTHING_DEMANDED:
        plain["demanded"] = demanded
    return plain


def _arrival_to_plain(arrival: Arrival) -> dict[str, Any]:
    plain = _said(arrival, _ARRIVAL_FIELDS)
    if arrival.tls is not None:
        plain["tls"] = tls = _said(arrival.tls, _TLS_FIELDS)
        if arrival.tls.client is not None:
            tls["client"] = _said(arrival.tls.client, _CLIENT_FIELDS)
    return plain


def _said(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields that are not None; faster than `attrs.asdict`, for every message passes here."""
    return {name: field for name in names if (field := getattr(value, name)) is not None}


def _envelope_from_plain(plain: Mapping[str, Any]) -> Envelope:
    known = {
        name: form.from_plain(plain[name])
        for name, default, form in _ENVELOPE
        if name in plain or default is attrs.NOTHING
    }
    demands = [demanded_from_plain(each) for each in plain.get("demands", ())]
    options = tuple(
        (_mailbox_from_text(each), _options_from_plain(said, demands)) for each, said in plain.get("options", ())
    )
    return Envelope(**known, options=options)


def _options_from_plain(plain: Mapping[str, Any], demands: Sequence[Demanded]) -> RecipientOptions:
    original, demanded = plain.get("original"), plain.get("demanded")
    if demanded is not None and not 0 <= demanded < len(demands):
        raise ValueError(f"no such demands: {demanded!r}")
    return RecipientOptions(
        frozenset(Notify(each) for each in plain.get("notify", ())),
        None if original is None else OriginalRecipient(str(original[0]), str(original[1])),
        tuple(_mailbox_from_text(each) for each in plain.get("stands_for", ())),
        tuple(_mailbox_from_text(each) for each in plain.get("by_way_of", ())),
        bool(plain.get("leaves", False)),
        NOTHING_DEMANDED if demanded is None else demands[demanded],
    )


def _arrival_from_plain(plain: Mapping[str, Any] | None) -> Arrival | None:
    if plain is None:
        return None
    known = {name: fact for name, fact in plain.items() if name in _ARRIVAL_FIELDS}
    if (tls := known.get("tls")) is not None:
        known["tls"] = _tls_from_plain(tls)
    return Arrival(**known)


def _tls_from_plain(plain: Mapping[str, Any]) -> TlsSession:
    known = {name: fact for name, fact in plain.items() if name in _TLS_FIELDS}
    if (client := known.get("client")) is not None:
        facts = {name: fact for name, fact in client.items() if name in _CLIENT_FIELDS}
        known["client"] = ClientCertificate(**facts | {"names": tuple(facts.get("names", ()))})
    return TlsSession(**known)


_ARRIVAL_FIELDS = tuple(field.name for field in attrs.fields(Arrival))
_CLIENT_FIELDS = tuple(field.name for field in attrs.fields(ClientCertificate))
_NOTE_FIELDS = tuple(field.name for field in attrs.fields(RuleNote))
_TLS_FIELDS = tuple(field.name for field in attrs.fields(TlsSession))


def _mailbox_to_text(mailbox: Mailbox) -> str:
    """The local part as it is, unquoted: the last @ parts it from the domain."""
    return f"{mailbox.local_part}@{mailbox.domain}"


def _mailbox_from_text(text: str) -> Mailbox:
    local_part, at, domain = text.rpartition("@")
    if not at or not domain:
        raise ValueError(f"no address: {text!r}")
    return Mailbox(local_part, domain)


def _is_it(plain: Any) -> Any:
    return plain


def _unless_none(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else form(value)


def _each(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [form(each) for each in values]


def _tuple_of(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: tuple([form(each) for each in values])


def _note_from_plain(plain: Mapping[str, Any]) -> RuleNote:
    return RuleNote(**{name: str(plain[name]) for name in _NOTE_FIELDS})


def _recipients_from_plain(plain: Iterable[str]) -> tuple[Mailbox, ...]:
    """Once each, whatever is written there: of one who is in it twice one half would never come to an end."""
    return tuple(dict.fromkeys(_mailbox_from_text(each) for each in plain))


@attrs.frozen
class _Form:
    """How a field is written as plain JSON values, and read again."""

    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]


_TRUTH = _Form(_is_it, bool)
_ENVELOPE_FORMS = {
    "sender": _Form(_unless_none(_mailbox_to_text), _unless_none(_mailbox_from_text)),
    "recipients": _Form(_each(_mailbox_to_text), _recipients_from_plain),
    "body_type": _Form(lambda kind: kind.value, BodyType),
    "arrival": _Form(_arrival_to_plain, _arrival_from_plain),
    "smtputf8": _TRUTH,
    "require_tls": _TRUTH,
    "returned": _Form(lambda much: much.value, _unless_none(Returned)),
    "envelope_id": _Form(_is_it, _unless_none(str)),
    "rules": _Form(_each(lambda note: _said(note, _NOTE_FIELDS)), _tuple_of(_note_from_plain)),
    "held": _TRUTH,
    "inherited": _Form(_each(demand_to_plain), _tuple_of(demand_from_plain)),
    "from_outside": _TRUTH,
    "named": _Form(_is_it, int),
}
# A field without a form fails here, at the import: none can be forgotten.  `options` is written with its demands.
_ENVELOPE = tuple(
    (field.name, field.default, _ENVELOPE_FORMS[field.name])
    for field in attrs.fields(Envelope)
    if field.init and field.name != "options"
)
_stored_fields = attrgetter(*[name for name, _, _ in _ENVELOPE])
