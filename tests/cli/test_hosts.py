"""`fopemta hosts` on a server that does not run."""

from __future__ import annotations

import json
import time

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from fopemta.outbound.host_memory import FILE_NAME, read, write
from fopemta.trust.host_memory import Known
from fopemta.trust.rungs import Hello, Rung
from tests.server.test_preflight import Folder

A_LABELS = "xn--bcher-kva.test"


class HostsTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.write()
        (self.folder / "var" / "state").mkdir(parents=True)
        self.file = str(self.folder / "var" / "state" / FILE_NAME)

    def hosts(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["hosts", *words, "--config", str(self.path)])

    def test_list_and_clear(self) -> None:
        self.assertIn("No host is on record with less than the best TLS", self.hosts("list").stdout)
        at = time.time() - 3600
        write(self.file, {f"mx{n}.test:25": Known(Rung.COMPATIBLE, Hello.SMALL, at) for n in range(3)})
        self.assertEqual(
            self.hosts("list").stdout.splitlines()[1].split(), ["mx0.test:25", "compatible", "small", "1h", "ago"]
        )
        self.assertEqual(json.loads(self.hosts("list", "--json").stdout.splitlines()[0])["rung"], "compatible")
        self.assertEqual(self.hosts("clear", "mx1.test", "far.test").stdout, "1 host forgotten\n")
        self.assertEqual(list(read(self.file)), ["mx0.test:25", "mx2.test:25"])
        self.assertEqual(self.hosts("clear", "MX0.test.").stdout, "1 host forgotten\n")
        self.assertEqual(self.hosts("clear", "Mx2.TEST:26").stdout, "0 hosts forgotten\n")
        self.assertEqual(self.hosts("clear", "Mx2.TEST.:25").stdout, "1 host forgotten\n")
        write(self.file, {f"{name}:25": Known(Rung.COMPATIBLE, Hello.SMALL, at) for name in ("2001:db8::1", A_LABELS)})
        self.assertEqual(self.hosts("clear", "bücher.test").stdout, "1 host forgotten\n")
        self.assertEqual(self.hosts("clear", "2001:DB8::1").stdout, "1 host forgotten\n")
        write(self.file, {f"mx{n}.test:25": Known(Rung.COMPATIBLE, Hello.SMALL, at) for n in range(2)})
        self.assertEqual(self.hosts("clear").stdout, "2 hosts forgotten\n")

    def test_damaged(self) -> None:
        with open(self.file, "w") as file:
            file.write("nonsense")
        self.assertEqual(self.hosts("list").exit_code, 2)
