"""Fields with parameters."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.flaws import BOUNDS, ContentBounds
from fopemta.mime.parameters import Value, structured

UNENDED, ODD = "a quote or comment in a field does not end", "a parameter of a field is not valid"


class StructuredTests(SynchronousTestCase):
    def test_table(self) -> None:
        table: dict[bytes, tuple[str, dict[str, list[Value]], list[str]]] = {
            b"": ("", {}, []),
            b" Text/Plain ": ("text/plain", {}, []),
            b"text / plain": ("text/plain", {}, []),
            b"a/b; N=x": ("a/b", {"n": [Value(b"x")]}, []),
            b"a/b;n=x;m=y": ("a/b", {"n": [Value(b"x")], "m": [Value(b"y")]}, []),
            b"a/b; n=x; n=y": ("a/b", {"n": [Value(b"x"), Value(b"y")]}, []),
            b"a/b;; n=x ;": ("a/b", {"n": [Value(b"x")]}, []),
            b"a/b;\n n = x y ": ("a/b", {"n": [Value(b"x y")]}, []),
            b'a/b; n="x;y=z"': ("a/b", {"n": [Value(b"x;y=z")]}, []),
            b'a/b; n="x\\"y\\\\"': ("a/b", {"n": [Value(b'x"y\\')]}, []),
            b'a/b; n="x"y': ("a/b", {"n": [Value(b"xy")]}, []),
            b'a/b; n="x': ("a/b", {"n": [Value(b"x")]}, [UNENDED]),
            b'a/b; n="x\\': ("a/b", {"n": [Value(b"x\\")]}, [UNENDED]),
            b"a/b (c(d)e); n=x(y)": ("a/b", {"n": [Value(b"x")]}, []),
            b"a/b (c\\)d); n=x": ("a/b", {"n": [Value(b"x")]}, []),
            b"a/b (c; n=x": ("a/b", {}, [UNENDED]),
            b"a/b (c\\": ("a/b", {}, [UNENDED]),
            b"a/b) ; n=x": ("a/b)", {"n": [Value(b"x")]}, []),
            b"a/b; n": ("a/b", {}, [ODD]),
            b"a/b; =x": ("a/b", {}, [ODD]),
            b"a/b; n*1*2=x": ("a/b", {}, [ODD]),
            b"a/b; n*0=x; n*1=y": ("a/b", {"n": [Value(b"xy")]}, []),
            b"a/b; n*1=y; n*0=x": ("a/b", {"n": [Value(b"xy")]}, []),
            b"a/b; n*0=x; n*2=y": ("a/b", {"n": [Value(b"xy")]}, [ODD]),
            b"a/b; n*1=y": ("a/b", {"n": [Value(b"y")]}, [ODD]),
            b"a/b; n*0=x; n*0=y": ("a/b", {"n": [Value(b"y")]}, [ODD]),
            b"a/b; n*=utf-8'de'%41%C3": ("a/b", {"n": [Value(b"A\xc3", "utf-8")]}, []),
            b"a/b; n*=''%41": ("a/b", {"n": [Value(b"A")]}, []),
            b"a/b; n*=%41": ("a/b", {"n": [Value(b"A")]}, [ODD]),
            b"a/b; n*0*=utf-8''%41; n*1=%42; n*2*=%43'": ("a/b", {"n": [Value(b"A%42C'", "utf-8")]}, []),
            b"a/b; n=p; n*=utf-8''q": ("a/b", {"n": [Value(b"p"), Value(b"q", "utf-8")]}, []),
            b"a/b; n=\xfc": ("a/b", {"n": [Value(b"\xfc")]}, []),
        }
        for value, (kind, parameters, flaws) in table.items():
            found = structured(value, BOUNDS)
            self.assertEqual(found.kind, kind, value)
            self.assertEqual({name: list(values) for name, values in found.parameters.items()}, parameters, value)
            self.assertEqual([each.why for each in found.flaws], flaws, value)

    def test_questions(self) -> None:
        found = structured(b"a/b; Format= Flowed ; n=", BOUNDS)
        self.assertEqual((found.word("format"), found.word("n"), found.word("x")), ("flowed", "", ""))
        self.assertEqual((found.of("n"), found.of("x")), ((Value(b""),), ()))

    def test_texts(self) -> None:
        self.assertEqual(Value(b"\xfc", "latin1").text.shown, "ü")
        self.assertEqual(Value(b"=?utf-8?q?x?=").text.shown, "x")
        # RFC 2231 5: what has a charset of its own is no encoded word.
        self.assertEqual(Value(b"=?utf-8?q?x?=", "utf-8").text.shown, "=?utf-8?q?x?=")

    def test_bound(self) -> None:
        bounds = ContentBounds(parameters=3)
        for number, flaws in ((3, []), (4, ["parameters"]), (1000, ["parameters"])):
            found = structured(b"a/b" + b"".join(b";n%d=x" % each for each in range(number)), bounds)
            self.assertEqual((len(found.parameters), [each.bound for each in found.flaws]), (3, flaws))
