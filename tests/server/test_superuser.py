"""Who is root, and where."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.server.superuser import is_master_of_the_machine

ALL_USERS = "         0          0 4294967295\n"


class SuperuserTests(SynchronousTestCase):
    def machine(self, users: str | None = ALL_USERS, *signs: str) -> str:
        root = Path(self.mktemp())
        for name, content in (("proc/self/uid_map", users), *((sign, "") for sign in signs)):
            if content is not None:
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        root.mkdir(exist_ok=True)
        return str(root)

    def test_root_of_the_machine(self) -> None:
        # Where there is no such file there are no such containers.
        for users in (ALL_USERS, None):
            for environment in ({}, {"container": ""}, {"PATH": "/bin"}):
                self.assertTrue(is_master_of_the_machine(0, environment, self.machine(users)))
                self.assertFalse(is_master_of_the_machine(1000, environment, self.machine(users)))

    def test_root_of_a_container(self) -> None:
        for root in (
            self.machine(ALL_USERS, ".dockerenv"),
            self.machine(ALL_USERS, "run/.containerenv"),
            self.machine("         0     100000      65536\n"),
            self.machine("         0       1000          1\n"),
        ):
            self.assertFalse(is_master_of_the_machine(0, {}, root))
        self.assertFalse(is_master_of_the_machine(0, {"container": "podman"}, self.machine()))
