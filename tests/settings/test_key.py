"""Keys as fields of attrs classes, and tables that are read by them."""

from __future__ import annotations

import enum
from typing import ClassVar

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.settings.key import REQUIRED, About, about, key, section_of, table, tables
from fopemta.settings.place import Place, array, plain
from fopemta.settings.quantities import (
    duration,
    duration_or_off,
    greeting_delay,
    number,
    size,
    size_between,
    size_or_none,
    whole,
    yes_or_no,
)
from fopemta.settings.section import ExampleTable
from fopemta.settings.words import WordOrDomains, any_of, domain, ip_address, network, one_of, path, words_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Waits:
    first: float = key(duration, "5m", "How long.")


@attrs.frozen(kw_only=True)
class Door:
    name: str = key(domain, REQUIRED, "Its name.")
    colour: Colour = key(words_of(Colour), "red", "Its colour.")


@attrs.frozen(kw_only=True)
class House:
    about: ClassVar[About] = About(above="A house.", later=frozenset({"roof"}))

    folder: str = key(path(), "var", "Where.", start=True)
    owner: str | None = key(domain, None, "Whose.")
    waits: Waits = table(Waits)
    doors: tuple[Door, ...] = tables(Door, ExampleTable(above="One.", values={}), name="door")
    cold: Waits = table(Waits, name="climate.cold")
    warm: Waits = table(Waits, name="climate.warm")
    plain: int = 3


def read(text: object) -> tuple[object, list[str]]:
    place = Place("", "/home", [])
    found = section_of(House)(text, place)
    return found, [str(each) for each in place.errors]


class KeyTests(SynchronousTestCase):
    def test_the_default_is_read_by_the_reader(self) -> None:
        self.assertEqual(Waits().first, 300.0)
        self.assertEqual((House().folder, House().owner, House().doors, House().waits), ("var", None, (), Waits()))
        self.assertIs(Door(name="a").colour, Colour.RED)
        self.assertRaises(TypeError, Door)

    def test_a_default_that_is_no_good_is_a_fault_of_ours(self) -> None:
        self.assertRaises(ValueError, key, duration, "5 minutes", "How long.")
        self.assertRaises(ValueError, key, array(domain), ["a..b"], "Which.")

    def test_what_is_not_there_has_its_default_by_the_folder(self) -> None:
        found, errors = read({})
        self.assertEqual(errors, [])
        self.assertEqual(found, House(folder="/home/var"))

    def test_tables_and_arrays_of_tables(self) -> None:
        found, errors = read({
            "owner": "A.example", "waits": {"first": "1s"}, "door": [{"name": "x"}, {"name": "y", "colour": "blue"}],
            "climate": {"warm": {"first": "2s"}},
        })  # fmt: skip
        self.assertEqual(errors, [])
        doors = (Door(name="x"), Door(name="y", colour=Colour.BLUE))
        self.assertEqual(
            found,
            House(folder="/home/var", owner="a.example", waits=Waits(first=1.0), doors=doors, warm=Waits(first=2.0)),
        )

    def test_what_is_wrong_is_named(self) -> None:
        for text, wanted in (
            (5, "must be a table, not 5"),
            ({"plain": 4}, "plain: is not known"),
            ({"roof": 4}, "roof: is not supported by this version"),
            ({"fodler": "x"}, 'fodler: is not known; did you mean "folder"?'),
            ({"door": [{}]}, "door[0].name: is missing"),
            ({"door": {}}, "door: must be written with two brackets, [[door]]"),
            ({"climate": 5}, "climate: must be a table, not 5"),
            ({"climate": {"wram": {}}}, 'climate.wram: is not known; did you mean "warm"?'),
            ({"climate.warm": {}}, '"climate.warm": is not known; did you mean "climate"?'),
            ({"climate": {"warm": {"first": 5}}}, 'climate.warm.first: must be a duration such as "90s", '),
            ({"climat": {}}, 'climat: is not known; did you mean "climate"?'),
        ):
            _, errors = read(text)
            self.assertEqual([each.startswith(wanted) for each in errors], [True], (text, errors))

    def test_what_is_told_of_each(self) -> None:
        keys = section_of(House).keys
        self.assertEqual(list(keys), ["folder", "owner", "waits", "door", "climate.cold", "climate.warm"])
        self.assertEqual((keys["folder"].told.start, keys["owner"].told.start), (True, False))
        self.assertEqual((keys["folder"].told.meaning, keys["folder"].told.since), ("Where.", "0.1.0"))
        self.assertEqual([keys[each].several for each in ("door", "waits", "folder")], [True, False, False])
        self.assertEqual(keys["door"].attribute, "doors")
        self.assertEqual(about(House).above, "A house.")
        self.assertEqual(about(Door), About())
        self.assertEqual(about(enum), About())


class FormTests(SynchronousTestCase):
    """What may be written, in words."""

    def test_of_readers(self) -> None:
        for reader, form, unit in (
            (duration, "duration", "seconds"),
            (duration_or_off, 'duration, or "off"', "seconds"),
            (greeting_delay, "duration, or 0", "seconds"),
            (size, "size", "octets"),
            (size_or_none, "size, or 0", "octets"),
            (size_between(1, 9), "size from 1 to 9", "octets"),
            (whole(1, 64), "whole number from 1 to 64", ""),
            (whole(1, 1_000_000), "whole number, 1 or more", ""),
            (number(1, 2.5), "number from 1 to 2.5", ""),
            (yes_or_no, "true or false", ""),
            (one_of({"a": 1, "b": 2, "c": 3}), '"a", "b" or "c"', ""),
            (one_of({"a": 1}), '"a"', ""),
            (one_of({"a": 1}, "suite"), "suite", ""),
            (words_of(Colour), '"red" or "blue"', ""),
            (path(), "path", ""),
            (path("stdout", "off"), 'path, "stdout" or "off"', ""),
            (WordOrDomains({"mx": 1}), '"mx" or list of domains', ""),
            (array(network), "list of networks", ""),
            (array(ip_address), "list of IP addresses", ""),
            (array(one_of({"a": 1, "b": 2})), 'list: "a" or "b"', ""),
            (array(plain(str)), "list", ""),
        ):
            self.assertEqual((getattr(reader, "form", None), getattr(reader, "unit", "")), (form, unit))
        self.assertEqual(any_of(["x"]), "x")
