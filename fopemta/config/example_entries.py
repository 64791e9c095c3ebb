"""The listeners and routes that the example shows (pure)."""

from __future__ import annotations

from fopemta.settings.section import ExampleTable

LISTENERS = (
    ExampleTable(
        above='For other mail servers; in the Internet: "tcp:25" for IPv4, and "tcp6:25" for IPv6 in one more '
        "[[listener]].\n"
        'The endpoint is Twisted\'s: "tcp:PORT:interface=ADDRESS", "tcp6:PORT", "systemd:domain=INET:index=0".\n'
        '1,024 clients may wait to be accepted; ":backlog=N" at the end, or Backlog= of systemd\'s unit, says '
        "otherwise.",
        values={"endpoint": "tcp:2525:interface=127.0.0.1"},
        whole=True,
    ),
    ExampleTable(
        above='For people\'s mail programs; in earnest: "tcp:587".',
        values={"endpoint": "tcp:2587:interface=127.0.0.1", "kind": "submission", "tls": "required"},
    ),
)
_MAILDIR = {"via": "maildir:../var/mail/{local_part}", "verify": "maildir"}
ROUTES = (
    ExampleTable(
        above='A domain has one way: its own [[route]], else the nearest "*.domain" or "@domain" above it, else "*", '
        "else its MX.\n"
        '  via = "mx"                            look up the domain\'s MX (the default)\n'
        '  via = "smtp:mail.example.net"         to that host, port as [delivery] port; also "smtp:host:port",\n'
        '  via = "smtp:[2001:db8::1]:25"         "smtp:192.0.2.1:25"\n'
        '  via = "maildir:/var/mail/{local_part}"  a Maildir here; {domain} may stand in it too. The domain is then '
        "local.\n"
        'tls: "plain", "opportunistic", "encrypt" or "authenticated" is the least that the way must have; "local" for '
        "a port of this machine: the operator says that the hop crosses no network, so it satisfies every rule.\n"
        "With verify, a recipient who has no folder is refused at once, and no report goes to an address that "
        "somebody forged; only postmaster, and whom an alias or a rule names, gets a folder by being written to.",
        values={"domain": "localhost"} | _MAILDIR,
    ),
    ExampleTable(above="", values={"domain": "mail.localhost"} | _MAILDIR),
    ExampleTable(
        above="All that no other route names (this route shows the defaults).",
        values={"domain": "*"},
        whole=True,
        asleep=True,
    ),
)
