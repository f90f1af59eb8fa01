"""Scenes and contrasts of the types that change keys of a document: the same for every format."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, edited, maybe, nodes, parts, vary


class Form(NamedTuple):
    """Texts of a format: one with `s.a` 1 and `s.b`, and others."""

    one: str
    texts: list[str]
    nulls: bool = True


JSON = Form(
    '{"s": {"a": 1, "b": 2}}\n',
    [
        '{\n  "s": {\n    "a": 1,\n    "l": [1, {"x": null}]\n  },\n  "t": "ü"\n}',
        '{"s":1,"t":"\\u00fc"}',
        '{\n\t"a": true\n}\n',
        "[1]",
        '{"a": 1, "a": 2}',
        "{broken",
        "{}",
        '{"a": 1e999}',
    ],
)
YAML = Form(
    "s:\n  a: 1\n  b: 2\n",
    [
        "# top\ns:\n    a: 1  # why\n    l:\n      - 1\n      - x: null\n\n# end\nt: 'ü'\n",
        "---\ns: 1\n",
        "base: &b {a: 1}\ns: *b\n",
        "base: &b {a: 1}\ns:\n  <<: *b\n  c: 2\n",
        "- 1\n",
        "s: !own x\n",
        "a: 1\n---\nb: 2\n",
        "# only a comment\n",
        "a: {b: [1, 2\n",
        "s: {a: 1, b: yes}\r\nt: 2\r\n",
        "s:\n  a: |\n    text\n    more\n  b: >-\n    folded\n    text\n",
    ],
)
TOML = Form(
    "[s]\na = 1\nb = 2\n",
    [
        "# top\nt = 'x'\n\n[s]\na = 1 # why\nl = [1, 2]\n\n[s.d]\nx = 1\n",
        "s = 1\n",
        "s = {a = 1, b = {c = 2}}\n",
        "s.a = 1\ns.c.d = 2\n",
        "[[s]]\na = 1\n[[s]]\na = 2\n",
        "a = 1\na = 2\n",
        "when = 2026-01-01T00:00:00Z\r\n[s]\r\n",
    ],
    nulls=False,
)


def contrasts(form: Form) -> dict[str, Contrast]:
    """For every field that such a type has."""
    base, file = {"path": "/x"}, {"/x": {"content": form.one, "mode": "0644"}}
    sets = {**base, "set": {"s.a": 2}}
    return {
        "path": vary({**file, "/y": form.one}, {"set": {"s.a": 2}}, "path", "/x", "/y"),
        "create": vary({}, sets, "create", False, True),
        **parts(file, sets, {**base, "set": {"s.a": "invalid"}}),
        "merge": vary(file, sets, "merge", ..., {"s": {"b": 3}}),
        "set": vary(file, base, "set", {"s.a": 2}, {"s.a": 3}),
        "remove": vary(file, sets, "remove", ..., ["s.b"]),
    }


def _values(form: Form) -> st.SearchStrategy[Any]:
    scalars = st.sampled_from([1, 2, True, "1", "", "x: y\n# z", "true", 1.5, -1, *([None] if form.nulls else [])])
    return st.one_of(
        scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from("abc"), scalars, max_size=2)
    )


@st.composite
def scenes(draw: st.DrawFn, form: Form) -> Scene:
    keys = st.sampled_from(["s", "s.a", "s.d.x", "s/l/0", "t", "/s/l/0", "/new.key/deep", "s.l.1.x", "base.a"])
    spec: dict[str, Any] = {"path": "/d/x", "create": draw(maybe), **draw(edited)}
    spec["set"] = draw(st.dictionaries(keys, _values(form), max_size=1))
    if draw(maybe):
        spec["remove"] = [draw(st.sampled_from(["s.b", "t", "none.x"]))]
    if draw(maybe) or not (spec["set"] or spec.get("remove")):
        spec["merge"] = draw(st.dictionaries(st.sampled_from(["s", "z"]), _values(form), min_size=1, max_size=2))
    if set(spec.get("remove", [])) & {"t"} and "t" in spec["set"]:
        del spec["remove"]
    if "s" in spec["set"]:
        spec.pop("remove", None)
    if not (spec["set"] or spec.get("remove") or spec.get("merge")):
        spec["merge"] = {"z": 1}
    node = {"content": draw(st.sampled_from([form.one, *form.texts])), "mode": "0600", "uid": 990}
    return Scene(around("/d/x", node if draw(st.integers(0, 3)) else draw(nodes)), spec)
