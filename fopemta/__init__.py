"""fopemta: a mail transfer agent that proves and explains the TLS of every message.

`docs/flow.md` shows a message's path through the rooms; each package's docstring says what it is for and whether it is
*pure* (frozen values in, frozen values out, no I/O) or *shell* (Twisted, files, sockets).
"""

__version__ = "0.1.0"
