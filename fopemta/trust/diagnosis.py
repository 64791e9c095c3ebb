"""Why a way was not good enough: the closed list of diagnoses (pure)."""

from __future__ import annotations

import enum


class Diagnosis(enum.StrEnum):
    """The words that stand in logs, records, reports and listings (DESIGN 5)."""

    # TLS
    TLS_NOT_OFFERED = "tls_not_offered"
    TLS_REFUSED = "tls_refused"
    CONNECTION_DROPPED = "connection_dropped"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    NO_COMMON_PROTOCOL = "no_common_protocol"
    NO_COMMON_CIPHER = "no_common_cipher"
    DH_TOO_SMALL = "dh_too_small"
    HANDSHAKE_FAILED = "handshake_failed"
    CERT_EXPIRED = "cert_expired"
    CERT_NOT_YET_VALID = "cert_not_yet_valid"
    SELF_SIGNED = "self_signed"
    UNTRUSTED_ROOT = "untrusted_root"
    INCOMPLETE_CHAIN = "incomplete_chain"
    NAME_MISMATCH = "name_mismatch"
    NO_SUBJECT_ALT_NAME = "no_subject_alt_name"
    WEAK_KEY = "weak_key"
    CERT_UNUSABLE = "cert_unusable"
    JUDGING_FAILED = "judging_failed"
    # The way there
    DNS_UNAVAILABLE = "dns_unavailable"
    DOMAIN_NOT_FOUND = "domain_not_found"
    NULL_MX = "null_mx"
    LOOPS_BACK = "loops_back"
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
    MESSAGE_TOO_LARGE = "message_too_large"
    # Ourselves
    QUEUE_LIFETIME_OVER = "queue_lifetime_over"
    LOCAL_TROUBLE = "local_trouble"
