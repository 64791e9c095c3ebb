"""Why a connection was not possible or not good enough: the closed list of diagnoses (pure)."""

from __future__ import annotations

import enum

import attrs


class Diagnosis(enum.StrEnum):
    """The words used in logs, records, reports and listings."""

    # TLS
    TLS_NOT_OFFERED = "tls_not_offered"
    TLS_REFUSED = "tls_refused"
    CONNECTION_DROPPED = "connection_dropped"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    NO_COMMON_PROTOCOL = "no_common_protocol"
    NO_COMMON_CIPHER = "no_common_cipher"
    DH_TOO_SMALL = "dh_too_small"
    SNI_REFUSED = "sni_refused"
    CHAIN_TOO_LARGE = "chain_too_large"
    NOT_TLS = "not_tls"
    HANDSHAKE_FAILED = "handshake_failed"
    CLIENT_CERTIFICATE_WANTED = "client_certificate_wanted"
    CERT_EXPIRED = "cert_expired"
    CERT_NOT_YET_VALID = "cert_not_yet_valid"
    SELF_SIGNED = "self_signed"
    UNTRUSTED_ROOT = "untrusted_root"
    INCOMPLETE_CHAIN = "incomplete_chain"
    NAME_MISMATCH = "name_mismatch"
    PIN_MISMATCH = "pin_mismatch"
    NO_SUBJECT_ALT_NAME = "no_subject_alt_name"
    WEAK_KEY = "weak_key"
    CERT_UNUSABLE = "cert_unusable"
    CERT_REVOKED = "cert_revoked"
    REVOCATION_UNKNOWN = "revocation_unknown"
    JUDGING_FAILED = "judging_failed"
    WEAK_PROTOCOL = "weak_protocol"
    WEAK_PARAMETERS = "weak_parameters"
    # Finding and reaching the host
    DNS_UNAVAILABLE = "dns_unavailable"
    DOMAIN_NOT_FOUND = "domain_not_found"
    NULL_MX = "null_mx"
    LOOPS_BACK = "loops_back"
    PRIVATE_ADDRESS = "private_address"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    HOST_UNREACHABLE = "host_unreachable"
    # The conversation
    REFUSED_BY_PEER = "refused_by_peer"
    DEFERRED_BY_PEER = "deferred_by_peer"
    PROTOCOL_ERROR = "protocol_error"
    CONVERSATION_TIMEOUT = "conversation_timeout"
    CONVERSATION_DROPPED = "conversation_dropped"
    EIGHT_BIT_NOT_OFFERED = "eight_bit_not_offered"
    BINARY_NOT_OFFERED = "binary_not_offered"
    SMTPUTF8_NOT_OFFERED = "smtputf8_not_offered"
    REQUIRETLS_NOT_OFFERED = "requiretls_not_offered"
    MESSAGE_TOO_LARGE = "message_too_large"
    # Ourselves
    QUEUE_LIFETIME_OVER = "queue_lifetime_over"
    HELD = "held"
    RELEASED = "released"
    REMOVED = "removed"
    DEMAND_LOWERED = "demand_lowered"
    DEMAND_CHANGED = "demand_changed"
    NOT_ASKED_FOR = "not_asked_for"
    POLICY_UNKNOWN = "policy_unknown"
    LOCAL_TROUBLE = "local_trouble"


@attrs.frozen
class Explanation:
    """The meaning of a diagnosis.

    `rfc8460` is the result type of RFC 8460 4.3, None if it is not about TLS; `held` and `given_up` are enhanced codes;
    `sender` is one sentence for a lay person; `cause` and `remedy` are for the operator.
    """

    rfc8460: str | None
    held: str
    given_up: str
    sender: str
    cause: str
    remedy: str


def is_tls_failure(diagnosis: Diagnosis) -> bool:
    """Whether it starts the time limits of forced TLS.  Unknown revocation does not: it counts for the queue
    lifetime.
    """
    return explain(diagnosis).rfc8460 is not None and diagnosis is not Diagnosis.REVOCATION_UNKNOWN


def explain(diagnosis: Diagnosis) -> Explanation:
    """The explanation of a diagnosis; every member has one."""
    return _EXPLANATIONS[diagnosis]


_NOT_SECURE = "The receiving mail server could not be reached over a sufficiently secure connection"
_CERT = ("4.7.5", "5.7.5")

_EXPLANATIONS: dict[Diagnosis, Explanation] = {
    Diagnosis.TLS_NOT_OFFERED: Explanation(
        "starttls-not-supported", "4.7.4", "5.7.10",
        f"{_NOT_SECURE}: it does not offer encryption.",
        "The server's EHLO answer does not list STARTTLS: TLS is not enabled there, or a firewall strips it.",
        "Ask the recipient's administrator to enable STARTTLS on port 25 and to look for SMTP inspection on the way.",
    ),
    Diagnosis.TLS_REFUSED: Explanation(
        "starttls-not-supported", "4.7.4", "5.7.10",
        f"{_NOT_SECURE}: it offers encryption, but refused to begin it.",
        "The server lists STARTTLS and then answers it with an error: often a missing certificate or key there.",
        "Ask the recipient's administrator to check the TLS set-up there; the record has the reply's text.",
    ),
    Diagnosis.CONNECTION_DROPPED: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: the connection broke when encryption began.",
        "The connection was closed in the handshake without a TLS alert: a firewall, or a crashing TLS library.",
        "Test from another network; look for a firewall that inspects port 25 or chokes on a large ClientHello.",
    ),
    Diagnosis.HANDSHAKE_TIMEOUT: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it did not answer when encryption began.",
        "No answer to the ClientHello in time: a firewall that swallows it, or an overloaded server.",
        "Look for a firewall that drops large or fragmented ClientHellos; compare the record's other rungs.",
    ),
    Diagnosis.NO_COMMON_PROTOCOL: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it only knows outdated encryption.",
        "The server accepts none of the TLS versions offered, most likely only TLS 1.0 or 1.1 (RFC 8996).",
        "Ask the recipient's administrator to enable TLS 1.2 or 1.3.",
    ),
    Diagnosis.NO_COMMON_CIPHER: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it accepts none of the encryption methods that we consider safe.",
        "The server accepts none of the cipher suites, groups or signatures of the rungs that were permitted.",
        "Ask for ECDHE with AES-GCM on the server, or permit a lower rung for this destination.",
    ),
    Diagnosis.DH_TOO_SMALL: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: its encryption keys are too short.",
        "The server's Diffie-Hellman group is too small (1024 bits or less).",
        "Ask the recipient's administrator for 2048-bit DH parameters or, better, ECDHE.",
    ),
    Diagnosis.SNI_REFUSED: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it does not know itself by the name under which it was found.",
        "The server refuses TLS for its own MX name (SNI, alert unrecognized_name): its TLS set-up does not list it.",
        "Ask the recipient's administrator to add the MX host's name to the TLS set-up, or to correct the MX record.",
    ),
    Diagnosis.CHAIN_TOO_LARGE: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: its certificate is too large to be read.",
        "The server sent more than 100 KiB of certificates, OpenSSL's limit: usually one with thousands of names.",
        "Ask the recipient's administrator for a certificate with fewer names; the limit cannot be raised from here.",
    ),
    Diagnosis.NOT_TLS: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it agreed to encryption and then did not speak it.",
        "After 220 to STARTTLS something else than TLS came: a broken server, or a proxy in between.",
        "Compare with a session from another network; look for an SMTP proxy on the way.",
    ),
    Diagnosis.HANDSHAKE_FAILED: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: setting up encryption failed.",
        "The TLS handshake failed; the record has the TLS library's message.",
        "Look up the words in the record; the other side's log usually says more.",
    ),
    Diagnosis.CLIENT_CERTIFICATE_WANTED: Explanation(
        "validation-failure", "4.7.5", "5.7.5",
        f"{_NOT_SECURE}: it demands that we identify ourselves with a certificate.",
        "The server refused the handshake for want of a client certificate, or did not like ours.",
        "Agree on a client certificate with the recipient's administrator.",
    ),
    Diagnosis.CERT_EXPIRED: Explanation(
        "certificate-expired", *_CERT,
        f"{_NOT_SECURE}: its certificate has expired.",
        "A certificate of the server's chain is past its last day.",
        "Ask the recipient's administrator to renew it and to reload the mail server.",
    ),
    Diagnosis.CERT_NOT_YET_VALID: Explanation(
        "certificate-expired", *_CERT,
        f"{_NOT_SECURE}: its certificate is not valid yet.",
        "A certificate of the server's chain begins in the future, or a clock is wrong.",
        "Check this machine's clock first, then ask the recipient's administrator.",
    ),
    Diagnosis.SELF_SIGNED: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: it identifies itself with a certificate that nobody vouches for.",
        "The server's certificate is signed by its own key.",
        "Ask for a certificate of a public authority.",
    ),
    Diagnosis.UNTRUSTED_ROOT: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: its certificate comes from an authority that is not recognised here.",
        "The chain does not lead to a root of the configured store.",
        "Ask for a certificate of a public authority with all its intermediates, or add the root ([tls.client] roots).",
    ),
    Diagnosis.INCOMPLETE_CHAIN: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: its certificate is incomplete.",
        "The server did not send its issuer's certificate, and the issuer is not a root of the store.",
        "Ask the recipient's administrator to send the intermediate certificates too.",
    ),
    Diagnosis.NAME_MISMATCH: Explanation(
        "certificate-host-mismatch", *_CERT,
        f"{_NOT_SECURE}: its certificate is for another name.",
        "None of the certificate's names is an expected one; the record has both.",
        "Ask for a certificate that matches the MX host's name, or correct the MX record.",
    ),
    Diagnosis.PIN_MISMATCH: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: its certificate is not the one that was agreed upon.",
        "The server's certificate and key are none of those that the rule or route names by fingerprint.",
        "If the peer has changed them, ask its administrator for the new fingerprint, by another channel than mail.",
    ),
    Diagnosis.NO_SUBJECT_ALT_NAME: Explanation(
        "certificate-host-mismatch", *_CERT,
        f"{_NOT_SECURE}: its certificate does not say in today's form for which name it is.",
        "The certificate has no subjectAltName; the common name no longer counts (RFC 9525).",
        "Ask for a certificate with the host name as dNSName.",
    ),
    Diagnosis.WEAK_KEY: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: its certificate is too weak.",
        "A key or signature of the server's chain is below today's strength (RSA under 2048 bits, SHA-1).",
        "Ask the recipient's administrator for a certificate with a stronger key.",
    ),
    Diagnosis.CERT_UNUSABLE: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: its certificate cannot be used.",
        "The chain has a rarer fault; the record has OpenSSL's message.",
        "Look up the message in the record.",
    ),
    Diagnosis.CERT_REVOKED: Explanation(
        "certificate-not-trusted", *_CERT,
        f"{_NOT_SECURE}: its certificate was withdrawn by its issuer.",
        "The issuer of a certificate of the server's chain has revoked it; the record has the date.",
        "Tell the recipient's administrator; the key may be compromised.",
    ),
    Diagnosis.REVOCATION_UNKNOWN: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: whether its certificate is still good could not be found out.",
        "Neither a stapled OCSP response nor a CRL nor an OCSP responder gave the status, and it is required.",
        "See that this machine can fetch by HTTP, directly or by [fetch] proxy; the record says what was asked.",
    ),
    Diagnosis.WEAK_PROTOCOL: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: it knows only encryption that is out of date.",
        "TLS 1.1 is the newest that the server speaks: the legacy rung stops only passive eavesdroppers.",
        "Ask the recipient's administrator for TLS 1.2 or newer, then turn the rung off ([tls.client] lowest_rung).",
    ),
    Diagnosis.WEAK_PARAMETERS: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: its encryption relies on broken algorithms.",
        "The server signs its handshake by SHA-1 alone, or with a short key: it stops only passive eavesdroppers.",
        "Ask the recipient's administrator for signatures by SHA-256 and a key of 2048 bits or more.",
    ),
    Diagnosis.JUDGING_FAILED: Explanation(
        "validation-failure", *_CERT,
        f"{_NOT_SECURE}: its certificate could not be checked.",
        "Looking at the certificate failed unexpectedly, so it counts as refused.",
        "Report it with the record: it is either a very odd certificate or a fault of fopemta.",
    ),
    Diagnosis.DNS_UNAVAILABLE: Explanation(
        None, "4.4.3", "5.4.3",
        "The address book of the Internet (DNS) gave no answer for the recipient's domain.",
        "The name servers of the domain, or our resolver, did not answer or failed.",
        "Ask the resolver for the domain's MX by hand; if others resolve it, look at the resolver.",
    ),
    Diagnosis.DOMAIN_NOT_FOUND: Explanation(
        None, "4.1.2", "5.1.2",
        "The recipient's domain does not exist or has no mail server; please check the address for a typing error.",
        "DNS knows neither MX nor address for the domain.",
        "Check the spelling; if the domain is new, wait for its DNS.",
    ),
    Diagnosis.NULL_MX: Explanation(
        None, "4.1.10", "5.1.10",
        "The recipient's domain has declared that it takes no mail at all.",
        "The domain publishes a null MX (RFC 7505).",
        "Nothing can be done here; the recipient must be reached otherwise.",
    ),
    Diagnosis.LOOPS_BACK: Explanation(
        None, "4.4.6", "5.4.6",
        "The recipient's domain points back to this mail server, which does not handle it.",
        "The best MX is this host, but no route makes the domain local or relays it.",
        "Add a [[route]] for the domain, or correct its MX.",
    ),
    Diagnosis.PRIVATE_ADDRESS: Explanation(
        None, "4.4.4", "5.4.4",
        "The recipient's domain has no mail server that can be reached from the Internet.",
        "The MX or the address literal leads to a private, loopback or otherwise special address, or to this machine.",
        "If mail for the domain belongs there, name the host in a [[route]] or its network in [delivery] private.",
    ),
    Diagnosis.CONNECTION_REFUSED: Explanation(
        None, "4.4.1", "5.4.1",
        "The receiving mail server did not accept a connection.",
        "Nothing listens at that address and port, or a firewall refuses.",
        "Check from another network whether the host is up.",
    ),
    Diagnosis.CONNECTION_TIMEOUT: Explanation(
        None, "4.4.1", "5.4.1",
        "The receiving mail server did not answer.",
        "No answer to the connection attempt in time: host down, or a firewall that drops.",
        "Check from another network; check that this machine may connect to port 25 at all.",
    ),
    Diagnosis.HOST_UNREACHABLE: Explanation(
        None, "4.4.1", "5.4.1",
        "The receiving mail server could not be reached.",
        "There is no route to the address, or the network refused the connection otherwise.",
        "Check the network and, for IPv6 addresses, that this machine has IPv6.",
    ),
    Diagnosis.REFUSED_BY_PEER: Explanation(
        None, "4.0.0", "5.0.0",
        "The receiving mail server refused the message.",
        "The server answered with a permanent error (5yz); the record has its text.",
        "Its words are meant to say why; ask the recipient's administrator otherwise.",
    ),
    Diagnosis.DEFERRED_BY_PEER: Explanation(
        None, "4.0.0", "5.4.7",
        "The receiving mail server asked us to come again later, too many times.",
        "The server answered with a temporary error (4yz): greylisting, a full mailbox, too much load.",
        "Its words say which; greylisting passes by itself.",
    ),
    Diagnosis.PROTOCOL_ERROR: Explanation(
        None, "4.5.0", "5.5.0",
        "The receiving mail server answered in a way that makes no sense.",
        "A reply was no SMTP reply, or came at the wrong place.",
        "Look at the session; something other than a mail server may be listening.",
    ),
    Diagnosis.CONVERSATION_TIMEOUT: Explanation(
        None, "4.4.2", "5.4.2",
        "The receiving mail server stopped answering.",
        "A reply did not come within the time that the step allows.",
        "Look for an overloaded server, or for a firewall that forgets long connections.",
    ),
    Diagnosis.CONVERSATION_DROPPED: Explanation(
        None, "4.4.2", "5.4.2",
        "The connection to the receiving mail server broke.",
        "The server, or something on the way, closed the connection in mid-conversation.",
        "If it always happens at the same step, look at the server's log and at firewalls with SMTP inspection.",
    ),
    Diagnosis.EIGHT_BIT_NOT_OFFERED: Explanation(
        None, "4.6.3", "5.6.3",
        "The receiving mail server is too old for the characters in the message.",
        "The message has 8-bit content and the server does not offer 8BITMIME.",
        "Send the message again with quoted-printable or base64 encoding.",
    ),
    Diagnosis.BINARY_NOT_OFFERED: Explanation(
        None, "4.6.3", "5.6.3",
        "The receiving mail server is too old for the form in which the message was sent.",
        "The message came with BODY=BINARYMIME, and the server offers no BINARYMIME with CHUNKING (RFC 3030).",
        "Send the message again without BINARYMIME; the submitting program chooses it.",
    ),
    Diagnosis.SMTPUTF8_NOT_OFFERED: Explanation(
        None, "4.6.7", "5.6.7",
        "The receiving mail server is too old for the letters in the addresses or headers of the message.",
        "An address or header holds UTF-8, and the server does not offer SMTPUTF8 (RFC 6531).",
        "Send the message again with ASCII addresses only, or ask the recipient's administrator for SMTPUTF8.",
    ),
    Diagnosis.REQUIRETLS_NOT_OFFERED: Explanation(
        None, "4.7.30", "5.7.30",
        "You asked for protection on the whole path of the message, which cannot be guaranteed from here on.",
        "The message carries REQUIRETLS (RFC 8689), which is not enforced from here on.",
        "Send the message again without REQUIRETLS.",
    ),
    Diagnosis.MESSAGE_TOO_LARGE: Explanation(
        None, "4.3.4", "5.3.4",
        "The message is larger than the receiving mail server accepts.",
        "The message exceeds the SIZE that the server announced.",
        "Send a link or smaller parts.",
    ),
    Diagnosis.QUEUE_LIFETIME_OVER: Explanation(
        None, "4.4.7", "5.4.7",
        "The message could not be delivered in the time we keep trying.",
        "Every attempt until the end of the queue's lifetime failed; the record has the last one's reason.",
        "See the last attempt.",
    ),
    Diagnosis.HELD: Explanation(
        None, "4.2.1", "5.7.0",
        "The message is held for inspection on this mail server.",
        "An operator or a rule holds the message; the record says who.",
        "Look at it with `fopemta queue show`, then release or remove it.",
    ),
    Diagnosis.RELEASED: Explanation(
        None, "4.2.1", "5.7.0",
        "The message was held for inspection on this mail server and goes on now.",
        "An operator has released the message; it is tried at once.",
        "Nothing: see the next attempt.",
    ),
    Diagnosis.REMOVED: Explanation(
        None, "4.7.0", "5.7.0",
        "The message was removed from the queue of this mail server by its administrator.",
        "An operator has removed it with `fopemta queue remove`.",
        "Ask who removed it, and why; the log has the reason that was given.",
    ),
    Diagnosis.DEMAND_LOWERED: Explanation(
        None, "4.2.1", "5.7.0",
        "The protection required for this message was changed by the administrator of this mail server.",
        "An operator has lowered the TLS demands stored when the message was accepted (reload --allow-lower).",
        "Nothing: see the next attempt, which uses the present demands.",
    ),
    Diagnosis.DEMAND_CHANGED: Explanation(
        None, "4.2.1", "5.7.0",
        "The rules for this message changed while it was being sent; it is tried again at once.",
        "The configuration was reloaded while the message waited, and its TLS demands have changed.",
        "Nothing: see the next attempt, which uses the present demands.",
    ),
    Diagnosis.NOT_ASKED_FOR: Explanation(
        None, "4.4.7", "5.4.7",
        "The receiving mail server has not yet asked for its mail.",
        "The domain's route is on_demand: its mail waits until the domain's server asks for it by ETRN.",
        "If it should have: look whether its ETRN comes, and is permitted ([[route]] etrn); else use `fopemta flush`.",
    ),
    Diagnosis.POLICY_UNKNOWN: Explanation(
        None, "4.7.1", "5.7.1",
        "This mail server could not find out how the message must be protected.",
        "A rule could not be judged for the moment: the message or a lookup that it needs could not be had.",
        "See the log of that moment; the message waits until the rule can be judged.",
    ),
    Diagnosis.LOCAL_TROUBLE: Explanation(
        None, "4.3.0", "5.3.0",
        "The message could not be delivered because of trouble on this mail server.",
        "Something failed here; the log of that moment says what.",
        "See the log.",
    ),
}  # fmt: skip
