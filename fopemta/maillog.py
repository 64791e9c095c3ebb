"""Every event that an operator reads, one function each (shell).

The first field of an event about a message is its queue id.  An event is its name and its fields; the observers render
it as text or JSON (`fopemta.server.log_observers`).  `log_format` is for Twisted's own observers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from fopemta.address.mailbox import path_text
from fopemta.mail.envelope import Envelope, RuleNote, TlsSession
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.trust.verdict import VerdictRecord

# Characters of a name given by a stranger.
_LONGEST_NAME = 128


class _Events(Logger):
    """Twisted's Logger; events of every message take a path that costs a third of the time."""

    def info(self, format: str | None = None, **event: object) -> None:  # noqa: A002  # as there
        """Like Logger.info."""
        # Logger.info packs the fields twice, and searches for the level in a new list each time.
        event["log_logger"] = self
        event["log_level"] = LogLevel.info
        event["log_namespace"] = self.namespace
        event["log_source"] = self.source
        event["log_format"] = format
        event["log_time"] = time.time()
        self.observer(event)


_log = _Events(namespace="fopemta")

# Of the recipients of one message, which may be thousands.
_MOST_NAMED = 20


class _Detail:
    """Whether any observer shows debug events; making an unwanted event costs time, also in hot paths."""

    wanted = True


detail = _Detail()


# --- the life of a message -----------------------------------------------------------------------------------------


def accepted(message: QueuedMessage) -> None:
    """A message is durable in the spool and was, or is about to be, answered with 250."""
    arrival = message.envelope.arrival
    tls = arrival.tls if arrival else None
    _log.info(
        "{message}: accepted from <{sender}>, {size} octets, {recipients} recipients, client {client}",
        event="accepted",
        message=message.id,
        sender=path_text(message.envelope.sender),
        recipients=len(message.envelope.recipients),
        size=message.size,
        client=arrival.client_address if arrival else None,
        helo=arrival.helo if arrival else None,
        with_protocol=arrival.protocol if arrival else None,
        protocol=tls.protocol if tls else None,
        cipher=tls.cipher if tls else None,
        bits=tls.bits if tls else None,
    )


def attempt(verdict: VerdictRecord) -> None:
    """One recipient, one attempt: the verdict record."""
    _log.info(
        "{message}: {result} to <{recipient}>: {code} {enhanced} {text}",
        event="attempt",
        verdict=verdict,
        message=verdict.message,
        recipient=verdict.recipient,
        result=verdict.result.value,
        code=verdict.code,
        enhanced=verdict.enhanced,
        text=verdict.text,
    )


def deferred(message_id: str, recipients: int, next_try: float) -> None:
    """A round of attempts left `recipients` unfinished; `next_try` in seconds since the epoch."""
    _log.info(
        "{message}: {recipients} recipients deferred until {next_try}",
        event="deferred",
        message=message_id,
        recipients=recipients,
        next_try=next_try,
    )


def finished(message_id: str, delivered: int, failed: int) -> None:
    """All recipients of the message are final."""
    _log.info(
        "{message}: finished, {delivered} delivered, {failed} failed",
        event="finished",
        message=message_id,
        delivered=delivered,
        failed=failed,
    )


def reported(message_id: str, report_id: str, recipient: str, kind: str) -> None:
    """A report about the message was queued; `kind` is a word of `report.kinds`."""
    _log.info(
        "{message}: {kind} report {report} to <{recipient}>",
        event="reported",
        message=message_id,
        report=report_id,
        recipient=recipient,
        kind=kind,
    )


def not_reported(message_id: str, why: str) -> None:
    """A result that nobody is informed of, and why (a null sender, NOTIFY, a spool without space)."""
    _log.warn("{message}: not reported: {why}", event="not_reported", message=message_id, why=why)


def demand_lowered(message_id: str, recipient: str, before: str, after: str, overridden: str | None) -> None:
    """The TLS demands on a queued recipient are lower than at the last attempt; `overridden` is an operator's
    reason.
    """
    _log.warn(
        "{message}: the TLS demand on <{recipient}> was lowered from {before} to {after}",
        event="demand_lowered",
        message=message_id,
        recipient=recipient,
        before=before,
        after=after,
        overridden=overridden,
    )


def stood_still(message_id: str) -> None:
    """A message was in no stage of the queue, because of a bug: neither waiting, nor being delivered, nor held.

    It is tried again at once.
    """
    _log.error(
        "{message}: it was in no stage of the queue because of a bug; it is tried again",
        event="stood_still",
        message=message_id,
    )


def not_permitted(message_id: str, destination: str, diagnosis: str, why: str) -> None:
    """The last gate before sending refused: there was a session, but it is not good enough at this moment."""
    _log.warn(
        "{message}: nothing was sent to {destination}: {why}",
        event="not_permitted",
        message=message_id,
        destination=destination,
        diagnosis=diagnosis,
        why=why,
    )


def rule_unsure(message_id: str, recipient: str, why: str) -> None:
    """A rule cannot be evaluated for now: nothing is sent to the recipient until it can."""
    _log.warn(
        "{message}: nothing is sent to <{recipient}> for now: {why}",
        event="rule_unsure",
        message=message_id,
        recipient=recipient,
        why=why,
    )


def ordered(
    message_id: str, order: str, recipients: tuple[str, ...], reason: str, by: str, override_tls: bool = False
) -> None:
    """An operator has held, released, retried or removed a message, or lowered the demands on it; `override_tls`: the
    release lifts the TLS demands of rules.
    """
    _log.info(
        "{message}: {order} for {recipients} by {by}: {reason}",
        event="ordered",
        message=message_id,
        order=order,
        recipients=recipients,
        reason=reason,
        by=by,
        # Only if it is so: most orders have nothing to do with it.
        override_tls=override_tls or None,
    )


def postmaster_unreachable(message_id: str, recipient: str, why: str) -> None:
    """Mail for postmaster cannot be delivered; it is held until an operator fixes that and releases it."""
    _log.error(
        "{message}: cannot be delivered to postmaster <{recipient}>, and is held: {why}",
        event="postmaster_unreachable",
        message=message_id,
        recipient=recipient,
        why=why,
    )


def mailbox_trouble(message_id: str, path: str, why: str) -> None:
    """A Maildir cannot be written; the message is deferred."""
    _log.error("{message}: the Maildir {path}: {why}", event="mailbox_trouble", message=message_id, path=path, why=why)


def destination_rests(destination: str, seconds: float, diagnosis: str | None, why: str) -> None:
    """No server of a destination answers: its mail is in back-off for `seconds`, then one message is tried."""
    _log.info(
        "{destination}: back-off for {seconds:.0f} s: {why}",
        event="destination_rests",
        destination=destination,
        seconds=seconds,
        diagnosis=diagnosis,
        why=why,
    )


def destination_answers(destination: str) -> None:
    """A destination in back-off accepts mail again."""
    _log.info("{destination} answers again", event="destination_answers", destination=destination)


# --- inbound sessions ----------------------------------------------------------------------------------------------


def connected(client: str, listener: str) -> None:
    """A client has connected."""
    if not detail.wanted:
        return
    _log.debug("client {client} connected to {listener}", event="connected", client=client, listener=listener)


def disconnected(client: str, why: str, commands: int, messages: int) -> None:
    """A client's session has ended."""
    if not detail.wanted:
        return
    _log.debug(
        "client {client} disconnected: {why}",
        event="disconnected",
        client=client,
        why=why,
        commands=commands,
        messages=messages,
    )


def tls_started(client: str, tls: TlsSession) -> None:
    """A client's handshake succeeded."""
    if not detail.wanted:
        return
    _log.debug(
        "client {client} uses {protocol} with cipher {cipher} ({bits} bits)",
        event="tls_started",
        client=client,
        protocol=tls.protocol,
        cipher=tls.cipher,
        bits=tls.bits,
    )


def tls_failed(client: str, why: str) -> None:
    """A client's handshake failed; `why` in OpenSSL's words."""
    _log.info("client {client} failed the TLS handshake: {why}", event="tls_failed", client=client, why=why)


def refused(client: str, stage: str, code: int, enhanced: str | None, text: str, subject: str) -> None:
    """A command was refused by policy; `subject` is the address or name it was about."""
    _log.info(
        "client {client}: {stage} {subject} refused: {code} {enhanced} {text}",
        event="refused",
        client=client,
        stage=stage,
        subject=subject,
        code=code,
        enhanced=enhanced,
        text=text,
    )


def message_refused(message_id: str, envelope: Envelope, reply: Reply, rule: str | None) -> None:
    """A complete message was refused, by that rule or for its content; `message_id` is the id it would have had.  Of
    many recipients only the first are named.
    """
    named = [str(each) for each in envelope.recipients[:_MOST_NAMED]]
    more = len(envelope.recipients) - len(named)
    _log.info(
        "{message}: from {client}, <{sender}> to {recipients} refused: {code} {enhanced} {text}",
        event="message_refused",
        message=message_id,
        client=envelope.arrival.client_address if envelope.arrival else None,
        sender=path_text(envelope.sender),
        recipients=[*named, f"and {more} more"] if more else named,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text,
        rule=rule,
    )


def content_bound_exceeded(message_id: str, bound: str) -> None:
    """Rules would need more of a message than [limits.content] permits: they cannot tell what it says, so TLS demands
    apply.
    """
    _log.warn(
        "{message}: exceeds the bound {bound} on what rules read; they cannot tell what it says",
        event="content_bound_exceeded",
        message=message_id,
        bound=bound,
    )


def rule_applied(message_id: str, note: RuleNote) -> None:
    """A rule contributed to the decision about a message; `message_id` is empty if there is no message yet."""
    _log.info(
        "{message}: rule {rule} ({action}, {mode}): {answer}: {why}",
        event="rule_applied",
        message=message_id or None,
        rule=note.rule,
        action=note.action,
        mode=note.mode,
        answer=note.answer,
        why=note.why,
    )


def logged_in(client: str, mechanism: str, name: str) -> None:
    """A client has authenticated; `name` as in the user file."""
    _log.info(
        "client {client} logged in as {name} by {mechanism}",
        event="logged_in",
        client=client,
        mechanism=mechanism,
        name=name,
    )


def login_failed(client: str, mechanism: str, name: str, why: str, failures: int) -> None:
    """A login failed; `name` as the client gave it, `failures` is the present count of the client's network."""
    _log.info(
        "client {client} failed to log in as {name} by {mechanism}: {why}",
        event="login_failed",
        client=client,
        mechanism=mechanism,
        name=name[:_LONGEST_NAME] or None,
        why=why,
        failures=failures or None,
    )


def login_put_off(client: str, mechanism: str, name: str, why: str) -> None:
    """A login was deferred without checking it; the client may try again."""
    _log.warn(
        "login of client {client} as {name} deferred: {why}",
        event="login_put_off",
        client=client,
        mechanism=mechanism,
        name=name[:_LONGEST_NAME],
        why=why,
    )


def users_read(path: str, users: int) -> None:
    """The user file was read, at start or because it had changed."""
    _log.info("{users} users in {path}", event="users_read", path=path, users=users)


def users_refused(errors: Sequence[str]) -> None:
    """The user file has changed and cannot be used; the old users stay valid."""
    _log.error("user file not reloaded: {errors}", event="users_refused", errors=tuple(errors))


def called_out(recipient: str, answer: str, why: str) -> None:
    """The next hop was asked whether a recipient exists; `answer` "good", "bad" or "unknown", `why` its reply."""
    _log.info(
        "callout for {recipient}: {answer}: {why}", event="called_out", recipient=recipient, answer=answer, why=why
    )


def recipients_read(path: str, entries: int) -> None:
    """A list of recipients, or the aliases, was read, at start or because the file had changed."""
    _log.info("{entries} entries in {path}", event="recipients_read", path=path, entries=entries)


def recipients_refused(errors: Sequence[str]) -> None:
    """A list of recipients, or the aliases, cannot be used; the old content stays in use."""
    _log.error("recipients not reloaded: {errors}", event="recipients_refused", errors=tuple(errors))


def callouts_not_kept(path: str, why: str) -> None:
    """Results of callouts cannot be read or stored; callouts are made again when needed."""
    _log.warn("callouts in {path} not stored: {why}", event="callouts_not_kept", path=path, why=why)


def cut_off(client: str, why: str) -> None:
    """We ended a client's session."""
    _log.info("client {client} cut off: {why}", event="cut_off", client=client, why=why)


# --- spool ---------------------------------------------------------------------------------------------------------


def recovered(messages: int, seconds: float) -> None:
    """The spool was read at start."""
    _log.info(
        "spool: {messages} messages to deliver, read in {seconds:.2f} s",
        event="recovered",
        messages=messages,
        seconds=seconds,
    )


def corrupt(what: str, why: str) -> None:
    """Something in the spool is damaged and was quarantined."""
    _log.error("spool: {what} quarantined: {why}", event="corrupt", what=what, why=why)


def dropped_unacknowledged(where: str, records: int) -> None:
    """Data of a crash that were never acknowledged."""
    _log.warn(
        "spool: {records} unacknowledged records dropped in {where}",
        event="dropped_unacknowledged",
        where=where,
        records=records,
    )


def spool_trouble(why: str) -> None:
    """The spool cannot store mail or outcomes; clients are asked to come again."""
    _log.error("spool: {why}", event="spool_trouble", why=why)


def spool_well_again() -> None:
    """The spool works again after trouble."""
    _log.warn("spool: works again", event="spool_well_again")


# --- the service ---------------------------------------------------------------------------------------------------


def started(hostname: str, version: str) -> None:
    """The service is running."""
    _log.info("fopemta {version} started as {hostname}", event="started", hostname=hostname, version=version)


def listening(endpoint: str, kind: str, tls: str) -> None:
    """A listener is open."""
    _log.info("listening on {endpoint} ({kind}, tls {tls})", event="listening", endpoint=endpoint, kind=kind, tls=tls)


def stopping(sessions: int) -> None:
    """The service is stopping; `sessions` clients are connected."""
    _log.info("stopping with {sessions} sessions", event="stopping", sessions=sessions)


def stopped() -> None:
    """The service has ended."""
    _log.info("stopped", event="stopped")


def reloaded(what: str) -> None:
    """Something was reloaded."""
    _log.info("reloaded {what}", event="reloaded", what=what)


def needs_restart(keys: Sequence[str]) -> None:
    """A reload found changes of keys that are read only at start; the old values stay in use."""
    _log.warn("changed, but takes effect only after a restart: {keys}", event="needs_restart", keys=tuple(keys))


def caution(key: str, what: str) -> None:
    """The configuration, or the machine, permits something that is probably not meant."""
    _log.warn("{key}: {what}", event="caution", key=key, what=what)


def not_started(why: str) -> None:
    """The service cannot run and exits."""
    _log.critical("not started: {why}", event="not_started", why=why)


def name_server_failing(server: str, why: str) -> None:
    """A name server did not answer; others are asked before it for a while.  Logged once until it answers again."""
    _log.warn("name server {server} fails: {why}", event="name_server_failing", server=server, why=why)


def name_server_works_again(server: str) -> None:
    """A name server that had failed has answered."""
    _log.info("name server {server} works again", event="name_server_works_again", server=server)


def dns_bound_exceeded(question: str, server: str, bound: str) -> None:
    """An answer exceeds what is read ([dns] records, or a bound of the protocol); it counts as unavailable."""
    _log.warn(
        "the answer to {question} from {server} has {bound}; treated as unavailable",
        event="dns_bound_exceeded",
        question=question,
        server=server,
        bound=bound,
    )


def fetch_bound_exceeded(host: str, bound: str) -> None:
    """A web server, asked for a CRL or an OCSP response, sends more than is read; its response is ignored."""
    _log.warn("{host} was cut off: {bound}", event="fetch_bound_exceeded", host=host, bound=bound)


def reply_bound_exceeded(server: str, octets: int) -> None:
    """A mail server's reply is longer than what is retained ([delivery] reply_text); the rest is dropped.  Logged once
    for a session.
    """
    _log.warn(
        "{server}: a reply of {octets} octets is cut short", event="reply_bound_exceeded", server=server, octets=octets
    )


def blocklist_failing(zone: str, why: str) -> None:
    """A blocklist cannot be asked, or answers nonsense; mail passes.  Logged once until it works."""
    _log.warn("block list {zone} fails: {why}", event="blocklist_failing", zone=zone, why=why)


def blocklist_works_again(zone: str) -> None:
    """A blocklist that had failed works again."""
    _log.info("block list {zone} works again", event="blocklist_works_again", zone=zone)


def revocation_unreachable(why: str) -> None:
    """No CRL can be fetched, so revocation cannot be checked.  Logged once until one can."""
    _log.warn("CRLs cannot be fetched: {why}", event="revocation_unreachable", why=why)


def revocation_reachable() -> None:
    """CRLs can be fetched again."""
    _log.info("CRLs can be fetched again", event="revocation_reachable")


def staple_unavailable(subject: str, why: str, demanded: bool) -> None:
    """No OCSP response about our own certificate is available; logged once until one is.  `demanded`: the certificate
    requires stapling (RFC 7633), so strict peers refuse it without.
    """
    text = "no OCSP response to staple to {subject}: {why}"
    _log.warn(text, event="staple_unavailable", subject=subject, why=why, demanded=demanded)


def own_certificate_revoked(subject: str, why: str) -> None:
    """Its authority has revoked a certificate that we use: peers that check refuse it.  Logged once."""
    text = "our certificate {subject} has been revoked, replace it: {why}"
    _log.error(text, event="own_certificate_revoked", subject=subject, why=why)


def staple_available(subject: str) -> None:
    """An OCSP response is available again."""
    _log.info("OCSP response to staple to {subject} is available again", event="staple_available", subject=subject)


def drop_collected(message_id: str, uid: int) -> None:
    """A message dropped by a local program is in the spool."""
    _log.info("{message}: dropped by user {uid}", event="drop_collected", message=message_id, uid=uid)


def drop_refused(message_id: str, uid: int, refused: Sequence[tuple[str, Reply]]) -> None:
    """Recipients of a dropped message are refused; the program, or the sender by a report, is informed."""
    text = "{message}: dropped by user {uid} and refused: {refused}"
    told = [f"<{each}>: {reply.whole}" for each, reply in refused[:_MOST_NAMED]]
    if len(refused) > _MOST_NAMED:
        told.append(f"and {len(refused) - _MOST_NAMED} more")
    _log.warn(text, event="drop_refused", message=message_id, uid=uid, refused=tuple(told))


def drop_kept(message_id: str, why: str) -> None:
    """A dropped message cannot be accepted now; it is tried again."""
    _log.warn("{message}: stays in the drop folder: {why}", event="drop_kept", message=message_id, why=why)


def drop_damaged(message_id: str, why: str) -> None:
    """A file in the drop folder is no message; it is in damaged/ under that id."""
    _log.warn("{message}: dropped, and no message: {why}", event="drop_damaged", message=message_id, why=why)


def drop_trouble(why: str) -> None:
    """The drop folder cannot be read or written; it is tried again."""
    _log.error("drop folder: {why}", event="drop_trouble", why=why)


def crl_not_kept(url: str, why: str) -> None:
    """A CRL was fetched and could not be written to disk; it is used all the same."""
    _log.warn("CRL of {url} not stored: {why}", event="crl_not_kept", url=url, why=why)


def worker_started(worker: int, pid: int) -> None:
    """A worker accepts clients."""
    _log.info("worker {worker} runs as process {pid}", event="worker_started", worker=worker, pid=pid)


def worker_ended(worker: int, pid: int, why: str, wait: float) -> None:
    """A worker has died; another starts in its place after `wait` seconds."""
    text = "worker {worker} (process {pid}) has exited ({why}); it restarts in {wait:.1f} s"
    _log.error(text, event="worker_ended", worker=worker, pid=pid, why=why, wait=wait)


def worker_silent(worker: int, pid: int) -> None:
    """A worker has not answered for a minute; it is killed, and another starts in its place."""
    text = "worker {worker} (process {pid}) has not answered for a minute and is killed"
    _log.error(text, event="worker_silent", worker=worker, pid=pid)


def worker_behind(worker: int) -> None:
    """A worker has not switched to the new configuration; it exits, and the next one starts with it."""
    text = "worker {worker} has not switched to the new configuration, and exits"
    _log.error(text, event="worker_behind", worker=worker)


def workers_stopping(workers: int) -> None:
    """The workers are stopping; each logs its own clients."""
    _log.info("stopping {workers} workers", event="workers_stopping", workers=workers)


def workers_killed() -> None:
    """Workers did not stop in time."""
    _log.error("workers did not exit in time and are killed", event="workers_killed")


def reload_failed(errors: Sequence[str]) -> None:
    """A reload found errors; the old configuration stays in use."""
    _log.error("reload refused: {errors}", event="reload_failed", errors=tuple(errors))


def certificate_refused(why: str) -> None:
    """A certificate's files have changed and cannot be used; the old one stays in use."""
    _log.error("certificate not reloaded: {why}", event="certificate_refused", why=why)


def roots_refused(why: str) -> None:
    """The files of authorities have changed and cannot be read; no authority in them is trusted until they can."""
    _log.error("roots cannot be read, no authority is trusted: {why}", event="roots_refused", why=why)


def certificate_made(path: str) -> None:
    """No certificate was configured, so a self-signed one was made."""
    _log.warn("self-signed certificate made: {path}", event="certificate_made", path=path)


def background_failure(doing: str, failure: Failure) -> None:
    """A bug: something that must not fail did."""
    _log.failure("failed while {doing}", failure=failure, event="background_failure", doing=doing)


def failed_unexpectedly(doing: str) -> None:
    """Like background_failure, called while handling the exception."""
    background_failure(doing, Failure())
