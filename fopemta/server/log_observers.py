"""Render events as a line of text, or as one JSON object per line (composition).

Twisted's own observers take four times as long and flush every event, so known events are rendered here, and written
once per reactor turn.  Other events (Twisted's own) use Twisted's formatting.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, formatEvent
from zope.interface import implementer

from fopemta.server.log_file import LineFile, Output
from fopemta.trust.verdict import Result, VerdictRecord, rfc3339

_LEVEL_WORDS = {LogLevel.warn: "warning: ", LogLevel.error: "error: ", LogLevel.critical: "error: "}
_URGENT = frozenset(_LEVEL_WORDS)
# Our fields that are seconds since the epoch.
_TIMES = frozenset({"next_try"})
# Not shown: the name, and what Twisted's legacy observers add.
_NO_FACTS = frozenset({"event", "time", "system", "format"})
# Characters that a value may contain without being quoted, besides letters and digits.
_BARE = str.maketrans("", "", "@.:/_-+[]<>,;()*%#~!$&?^|{}")


@implementer(ILogObserver)
class TextLog:
    """For people: time, queue id ("-" if there is none), event, facts."""

    def __init__(self, output: Output, debug: bool = False) -> None:
        self.file = LineFile(output, "- - error: {count} lines of this log could not be written")
        self._debug = debug

    def __call__(self, event: LogEvent) -> None:
        """ILogObserver.  Does not raise: a failing log must not stop mail."""
        level = event.get("log_level", LogLevel.info)
        if level is not LogLevel.debug or self._debug:
            self.file.write(_safely(text_line, event), level in _URGENT)


@implementer(ILogObserver)
class JsonLog:
    """For programs: `event`, `time`, `level` and the event's fields; the event `attempt` has those of the verdict
    record (trust/verdict.py).
    """

    def __init__(self, output: Output, debug: bool = False) -> None:
        self.file = LineFile(output, '{{"event":"lines_lost","count":{count}}}')
        self._debug = debug

    def __call__(self, event: LogEvent) -> None:
        """ILogObserver.  Does not raise."""
        level = event.get("log_level", LogLevel.info)
        if level is not LogLevel.debug or self._debug:
            self.file.write(_safely(json_line, event), level in _URGENT)


def _safely(render: Callable[[LogEvent], str], event: LogEvent) -> str:
    try:
        return render(event)
    except Exception as error:  # noqa: BLE001  whatever is wrong with an event, the next one must be logged
        return f'{{"event":"unloggable","why":{json.dumps(type(error).__name__)}}}'


def _as_given(event: LogEvent) -> LogEvent:
    """The event as it was logged: a legacy observer that saw it first has overwritten `message`."""
    legacy = event.get("log_legacy")
    return event if legacy is None else getattr(legacy, "event", event)


# --- text ------------------------------------------------------------------------------------------------------------


def text_line(event: LogEvent) -> str:
    """The line of an event, without line end."""
    event = _as_given(event)
    name = event.get("event")
    if name is None:
        return _foreign_line(event)
    stamp = _stamp(event["log_time"])
    special = _SPECIAL.get(name)
    body = special(event) if special is not None else name + _facts(event)
    level = _LEVEL_WORDS.get(event["log_level"], "")
    return f"{stamp} {event.get('message') or '-'} {level}{body}{_traceback(event)}"


def _attempt(event: LogEvent) -> str:
    verdict: VerdictRecord = event["verdict"]
    parts = [f"{verdict.result.value} to=<{_safe(verdict.recipient)}>"]
    if verdict.host is not None or verdict.address is not None:
        parts.append(f"host={_host(verdict)}")
    if verdict.rung is not None:
        parts.append(_tls(verdict))
    if verdict.attempt > 1 or verdict.result is not Result.DELIVERED:
        parts.append(f"attempt={verdict.attempt}")
    if verdict.diagnosis is not None and not _is_of_certificate(verdict):
        parts.append(f"diagnosis={verdict.diagnosis}")
    if verdict.overridden is not None:
        parts.append(f"overridden={_quoted(verdict.overridden)}")
    if verdict.next_try is not None:
        parts.append(f"next_try={rfc3339(verdict.next_try)}")
    parts.append(f"{verdict.code} {verdict.enhanced} {_quoted(verdict.text)}")
    return " ".join(parts)


def _host(verdict: VerdictRecord) -> str:
    name = _safe(verdict.host or "")
    address = f"[{verdict.address}]" if verdict.address and verdict.address != verdict.host else ""
    return f"{name}{address}" + (f":{verdict.port}" if verdict.port else "")


def _tls(verdict: VerdictRecord) -> str:
    """The strength of TLS, and the certificate: `authenticated`, or its fault."""
    if verdict.protocol is None:
        # Nothing has gone that way: it is what was tried last.
        word = "tls" if verdict.result is Result.DELIVERED else "tried"
        return f"{word}={verdict.rung}" + (" downgraded" if verdict.downgraded else "")
    group = f" {verdict.group}" if verdict.group else ""
    worth = "unproven"
    if verdict.authenticated:
        worth = '"authenticated (MX name unproven)"' if verdict.mx_unproven else "authenticated"
    elif _is_of_certificate(verdict):
        worth = str(verdict.diagnosis)
    return f"tls={verdict.rung} {verdict.protocol} {verdict.cipher} ({verdict.bits} bits){group} cert={worth}"


def _is_of_certificate(verdict: VerdictRecord) -> bool:
    """Whether the diagnosis is about the certificate, not about the failure of the attempt."""
    return verdict.result is Result.DELIVERED and verdict.authenticated is False


def _accepted(event: LogEvent) -> str:
    body = (
        f"accepted from=<{_safe(event['sender'])}> size={event['size']} recipients={event['recipients']}"
        f" client={event['client'] or '-'}"
    )
    if event["helo"] is not None:
        body += f" helo={_safe(event['helo'])} with={event['with_protocol']}"
    if event["protocol"] is not None:
        body += f" tls={event['protocol']} {event['cipher']} ({event['bits']} bits)"
    return body


_SPECIAL: dict[str, Callable[[LogEvent], str]] = {"attempt": _attempt, "accepted": _accepted}


def _facts(event: LogEvent) -> str:
    return "".join(
        [
            f" {name}={_word(name, value)}"
            for name, value in event.items()
            if value is not None and name not in _NO_FACTS and name != "message" and not name.startswith("log_")
        ]
    )


def _word(name: str, value: Any) -> str:
    if name in _TIMES:
        return rfc3339(value)
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, tuple | list):
        return _quoted("; ".join(map(str, value)))
    text = str(value)
    return text if text.translate(_BARE).isalnum() and text.isascii() else _quoted(text)


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_safe(text)}"'


def _safe(text: str) -> str:
    """Escape everything that could begin a new line or hide text (C0, C1, U+2028, bidi)."""
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else _escape(each) for each in text])


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return "" if failure is None else _continued("\n" + failure.getTraceback().rstrip())


def _continued(text: str) -> str:
    """Several lines as one entry: later lines are indented, so that none looks like an entry of its own."""
    first, *more = text.split("\n")
    return "\n    ".join([_safe(first), *map(_safe, more)])


def _foreign_line(event: LogEvent) -> str:
    """The line of an event that is not ours."""
    text = eventAsText(event, includeTimestamp=False, includeSystem=False).rstrip()
    namespace = event.get("log_namespace") or "?"
    if namespace == "log_legacy":
        namespace = "twisted"
    level = _LEVEL_WORDS.get(event.get("log_level"), "")
    return f"{_stamp(event.get('log_time') or time.time())} - {level}[{_safe(str(namespace))}] {_continued(text)}"


# --- JSON ------------------------------------------------------------------------------------------------------------

# ASCII only: no reader can be confused by a line separator; JSON itself escapes control characters.
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


def json_line(event: LogEvent) -> str:
    """The JSON object of an event, in one line."""
    event = _as_given(event)
    plain: dict[str, Any] = {"event": event.get("event", "other")}
    verdict = event.get("verdict")
    if verdict is not None:
        plain.update(verdict.to_json())
        return _encode(plain)
    plain["time"] = _stamp(event.get("log_time") or time.time())
    plain["level"] = getattr(event.get("log_level"), "name", "info")
    if plain["event"] == "other":
        plain["namespace"] = event.get("log_namespace")
        plain["text"] = formatEvent(event)
    else:
        plain.update(_plain_facts(event))
    failure = event.get("log_failure")
    if failure is not None:
        plain["traceback"] = failure.getTraceback()
    return _encode(plain)


def _plain_facts(event: LogEvent) -> dict[str, Any]:
    return {
        name: rfc3339(value) if name in _TIMES else value
        for name, value in event.items()
        if name not in _NO_FACTS and not name.startswith("log_")
    }


# --- time ------------------------------------------------------------------------------------------------------------

_second = [0, ""]  # the last second and its text: a busy log has many events in each


def _stamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds, like `rfc3339`, but faster within one second."""
    # In microseconds, as datetime rounds.
    whole, rest = divmod(round(seconds * 1_000_000), 1_000_000)
    if _second[0] != whole:
        _second[:] = [whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))]
    return f"{_second[1]}.{rest // 1000:03d}Z"


# --- the one of this process -----------------------------------------------------------------------------------------


@implementer(ILogObserver)
class LogOutlet:
    """The observer given to twistd: buffers events until the log files are known."""

    def __init__(self) -> None:
        self._observers: tuple[TextLog | JsonLog, ...] | None = None
        self._kept: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """ILogObserver."""
        if self._observers is None:
            self._kept.append(event)
            return
        for observer in self._observers:
            observer(event)

    def open(self, observers: Sequence[TextLog | JsonLog]) -> None:
        """Pass events to `observers`, the buffered ones first."""
        kept, self._kept = self._kept, []
        self._observers = tuple(observers)
        for event in kept:
            self(event)

    @property
    def files(self) -> list[LineFile]:
        """Every file in use."""
        return [observer.file for observer in self._observers or ()]


# twistd finds its observer by name, before a service exists; one twistd per process, so one outlet.
outlet = LogOutlet()


def for_twistd() -> LogOutlet:
    """Called for `twistd --logger`."""
    return outlet
