"""etc/fopemta.toml and docs/configuration.md are made from the keys, and what they show is true."""

from __future__ import annotations

import re
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.example import example
from fopemta.config.load import FILE, load
from fopemta.config.reference import default_of, keys, meaning, page, plain_words, read_at_start, toml
from fopemta.settings.place import Place
from fopemta.settings.section import sections
from tests.config.refresh import GENERATED, ROOT

EXAMPLE = example()
_LINE = re.compile(r"(?:# )?([a-z0-9_]+) = (.+)")
_HEADING = re.compile(r"(?:# )?\[{1,2}([a-z_.]+)\]{1,2}")
# Shown in place of a default, since there is none.
NO_DEFAULT = {"route[].roots", "route[].certificate", "rules"}


def shown_values() -> dict[str, list[str]]:
    """Every value that the example sets or shows, by the key's name, as TOML text."""
    arrays = {name for name, key in FILE.keys.items() if key.several}
    found: dict[str, list[str]] = {}
    section = ""
    for line in EXAMPLE.splitlines():
        if heading := _HEADING.fullmatch(line):
            section = f"{heading[1]}{'[]' if heading[1] in arrays else ''}."
        elif key := _LINE.fullmatch(line):
            found.setdefault(f"{section}{key[1]}", []).append(key[2])
    return found


class GeneratedTests(SynchronousTestCase):
    def test_what_is_committed_is_what_the_keys_say(self) -> None:
        """`make reference` writes both anew."""
        for path, made in GENERATED.items():
            self.assertEqual(path.read_text(encoding="utf-8"), made(), f"{path.name}: make reference")


class ExampleTests(SynchronousTestCase):
    def test_is_good_as_it_is(self) -> None:
        found = load(EXAMPLE, "/etc/fopemta")
        self.assertEqual([each.endpoint for each in found.listeners][1:], ["tcp:2587:interface=127.0.0.1"])
        self.assertEqual([each.domain for each in found.routes], ["localhost", "mail.localhost"])
        self.assertEqual(found.users.file, "/etc/var/users")

    def test_every_key_stands_in_it_and_no_other(self) -> None:
        self.assertEqual(set(shown_values()), {name for name, _ in keys()})

    def test_what_is_shown_is_what_counts_without_it(self) -> None:
        checked = 0
        for name, key in keys():
            if key.required or name in NO_DEFAULT:
                continue
            place = Place("", "/etc", [])
            read = [key.read(tomllib.loads(f"value = {text}")["value"], place) for text in shown_values()[name]]
            self.assertIn(key.read(default_of(key), place), read, name)
            self.assertEqual(place.errors, [], name)
            checked += 1
        self.assertGreater(checked, 100)

    def test_with_every_default_set_it_means_the_same(self) -> None:
        lines = [
            line
            for line in EXAMPLE.splitlines()
            if not line.startswith(("# rules =", '# file = "off"', '# drop = "off"'))
        ]
        active = [each.removeprefix("# ") if _LINE.fullmatch(each) else each for each in lines]
        whole = "\n".join(active)
        # The route that is all comment, and what shows another key's default.
        asleep = whole.index("# [[route]]")
        whole = whole[:asleep] + whole[whole.index("# --- outbound", asleep) :]
        whole = re.sub(r"^(client_certificates|profile) = .*\n", "", whole, count=2, flags=re.MULTILINE)
        self.assertIn('longest = "4h"\n', whole)
        self.assertEqual(load(whole, "/etc"), load(EXAMPLE, "/etc"))

    def test_lines_fit_and_comments_are_filled(self) -> None:
        lines = EXAMPLE.splitlines()
        self.assertEqual([line for line in lines if len(line) > 120 or line != line.rstrip()], [])
        self.assertGreater(max(map(len, lines)), 115)
        self.assertNotIn("\n\n\n\n", EXAMPLE)

    def test_parts_begin_with_a_line_of_their_own(self) -> None:
        found = re.findall(r"\n\n\n# --- (\w+) (-+)\n\n", EXAMPLE)
        self.assertEqual([word for word, _ in found], ["inbound", "routes", "outbound", "log"])
        self.assertEqual({len(f"# --- {word} {rest}") for word, rest in found}, {120})

    def test_what_is_set_is_not_hidden_and_its_default_is_shown_above(self) -> None:
        self.assertIn('# file = "off"\nfile = "../var/users"\n', EXAMPLE)
        self.assertIn('\nhostname = "mail.localhost"\n', EXAMPLE)
        self.assertNotIn("# hostname", EXAMPLE)
        self.assertIn('# [[route]]\n# domain = "*"\n# via = "mx"\n', EXAMPLE)


class ReferenceTests(SynchronousTestCase):
    def test_every_key_has_a_row_with_all_that_is_known(self) -> None:
        rows = {line.split("`")[1]: line for line in page().splitlines() if line.startswith("| `")}
        self.assertEqual(set(rows), {name for name, _ in keys()})
        self.assertEqual(
            rows["delivery.reply_text"].rpartition(" | What")[0],
            "| `delivery.reply_text` | `1024` | whole number from 200 to 65536 | ",
        )
        self.assertIn("| `node.hostname` | required | domain | start | ", rows["node.hostname"])
        self.assertIn("| none | path | ", rows["rules"])
        self.assertIn("See [rules.md](rules.md). |", rows["rules"])
        self.assertIn('| `"internet.nl"` |', rows["listener[].profile"])
        self.assertNotIn("Since", page())

    def test_every_key_means_something_and_pages_that_are_named_are_there(self) -> None:
        for name, key in keys():
            self.assertRegex(key.told.meaning, r"(?s)^[^a-z].*\.$", name)
            self.assertEqual(key.told.meaning.count("`") % 2, 0, name)
            if key.told.see:
                self.assertTrue((ROOT / "docs" / key.told.see.partition("#")[0]).exists(), name)
                self.assertTrue(meaning(key).endswith(f" See docs/{key.told.see}."), name)

    def test_every_number_has_a_form(self) -> None:
        without = {name for name, key in keys() if not key.form}
        self.assertEqual(without, {"listener[].endpoint", "route[].via", "route[].tls"})

    def test_what_is_read_at_start(self) -> None:
        found = dict(read_at_start())
        self.assertEqual(found["listeners",], "listener")
        self.assertEqual(found["tls_client", "fetch_private"], "tls.client.fetch_private")
        self.assertEqual(found["delivery", "connections_per_destination"], "delivery.connections_per_destination")
        self.assertNotIn(("delivery", "rate_per_destination"), found)
        self.assertNotIn(("routes",), found)
        tops = "node listeners tls_client fetch dns delivery limits users control log workers"
        self.assertEqual({path[0] for path in found}, set(tops.split()))
        marked = {name for name, key in keys() if key.told.start}
        elsewhere = {name for name in marked if not name.startswith("listener")}
        self.assertEqual(elsewhere, set(found.values()) - {"listener"})
        self.assertEqual({name for name, _ in keys() if name.startswith("listener")} - marked, set())

    def test_code_is_marked_where_it_is_a_command(self) -> None:
        self.assertEqual(
            plain_words('`"off"` or `[relay] networks`, `verify = "list"`, `fopemta users add NAME`, `a: b, c`, `%`'),
            '"off" or [relay] networks, verify = "list", `fopemta users add NAME`, `a: b, c`, %',
        )

    def test_values_as_toml_writes_them(self) -> None:
        for value in (True, False, 'a "b" ü \\ \n', 5, 2.0, ["a", 1], {"chain": "a", "key": "b"}, [{"zone": "a"}], []):
            self.assertEqual(tomllib.loads(f"value = {toml(value)}")["value"], value)


class SectionTests(SynchronousTestCase):
    def test_every_table_is_known_by_its_name(self) -> None:
        names = [name for name, _ in sections(FILE)]
        self.assertIn("tls.server.certificates", names)
        self.assertIn("limits.content", names)
        self.assertEqual(len(names), len(set(names)))
