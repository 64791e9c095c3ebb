"""aiosmtpd with its own Maildir, to be measured: `python -m benchmarks.maildir_server PORT FOLDER CHAIN KEY`.

Its Mailbox flushes each message (the standard library's Maildir does), so its 250 is worth as much as the others'.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP


async def serve(port: int, folder: str, chain: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    handler = Mailbox(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="bench.test", tls_context=context, loop=loop), "127.0.0.1", port, backlog=512
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:5]))
