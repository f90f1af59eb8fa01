"""Keys of a document are changed, and nothing else of it: comments, order, quotes and layout stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.hosts import HostFault
from agent.tools import documents
from agent.tools.documents import Format
from agent.tools.json_text import JSON
from agent.tools.toml_text import TOML
from agent.tools.yaml_text import YAML
from schema.resources.base import key_path
from schema.resources.json_file import JsonFileSpec
from tests.effort import tries
from tests.strategies import machines


def changed(form: Format, text: str, **spec: Any) -> str:
    host = machines.machine({"/x": text})
    ready = JsonFileSpec.model_validate({"path": "/x", **spec})
    documents.write(host, ready, form, documents.read(host, ready, form))
    assert documents.changes(ready, documents.read(host, ready, form)) == []
    return host.read("/x").decode()


@pytest.mark.parametrize(
    ("form", "text", "spec", "expected"),
    [
        (JSON, '{"a": 1,\n "b": 2}', {"set": {"c": 3}}, '{\n "a": 1,\n "b": 2,\n "c": 3\n}'),
        (JSON, '{\n    "b": 1,\n    "a": []\n}\n', {"remove": ["b"]}, '{\n    "a": []\n}\n'),
        (JSON, '{"a":1}', {"merge": {"b": {"c": None}}}, '{"a":1,"b":{"c":null}}'),
        (JSON, '{"a": "\\u00fc"}\r\n', {"set": {"b": "é"}}, '{"a": "\\u00fc", "b": "\\u00e9"}\r\n'),
        (JSON, "", {"set": {"a.b": True}}, '{\n  "a": {\n    "b": true\n  }\n}\n'),
        (
            YAML,
            "# top\na:   # why\n    b: 'x'  # this\n    l:\n      - 1\n      - 2\n\n# end\nc: \"y\"\n",
            {"set": {"a.b": "z", "a.l.1": 3}},
            "# top\na:   # why\n    b: 'z'  # this\n    l:\n      - 1\n      - 3\n\n# end\nc: \"y\"\n",
        ),
        (YAML, "---\na: 1\n", {"set": {"b": [1, {"x": None}]}}, "---\na: 1\nb:\n- 1\n- x:\n"),
        (YAML, "# nothing yet\n", {"merge": {"a": {"b": "no"}}}, "# nothing yet\na:\n  b: 'no'\n"),
        (YAML, "on: yes\nb: off\n", {"set": {"c.on": "12:30"}}, "on: yes\nb: off\nc:\n  'on': '12:30'\n"),
        (YAML, "base: &b\n  x: 1\na: *b\nc: 1\n", {"set": {"c": 2}}, "base: &b\n  x: 1\na: *b\nc: 2\n"),
        (TOML, "# top\n[a]\nb = 'x' # why\n\n[c]\nd=1\n", {"set": {"a.b": "y"}}, '# top\n[a]\nb = "y" # why\n\n[c]\nd=1\n'),
        (TOML, "[a]\nb = 1\n", {"set": {"c.d": True}}, "[a]\nb = 1\n\n[c]\nd = true\n"),
        (TOML, "[a]\nb = 1 # b\nc = 2\n", {"remove": ["a.b"]}, "[a]\nc = 2\n"),
    ],
)  # fmt: skip
def test_all_that_is_not_changed_stays_as_it_is_written(
    form: Format, text: str, spec: dict[str, Any], expected: str
) -> None:
    assert changed(form, text, **spec) == expected


@pytest.mark.parametrize(
    ("form", "text", "spec", "error"),
    [
        (YAML, "b: &b {x: 1}\na: *b\n", {"set": {"a.x": 2}}, "stands in several places"),
        (YAML, "b: &b {x: 1}\na: *b\n", {"merge": {"a": {"x": 2}}}, "stands in several places"),
        (YAML, "a: &a [*a]\n", {"set": {"b": 1}}, "more than 100000 values"),
        (YAML, "a: !!python/object/apply:os.system [id]\n", {"set": {"b": 1}}, "is not YAML"),
        (YAML, "a: 1\na: 2\n", {"set": {"b": 1}}, "is not YAML"),
        (YAML, "a: 1\n---\nb: 1\n", {"set": {"b": 1}}, "is not YAML"),
        (JSON, "// comment\n{}", {"set": {"b": 1}}, "is not JSON"),
        (JSON, '{"a": 1, "a": 2}', {"set": {"b": 1}}, "a key stands twice"),
        (JSON, '{"a": 1e9999}', {"set": {"b": 1}}, "no number of JSON"),
        (JSON, '{"a": NaN}', {"set": {"b": 1}}, "is not JSON"),
        (JSON, '{"a": ' + "1" * 5000 + "}", {"set": {"b": 1}}, "is not JSON"),
        (JSON, "[" * 100_000, {"set": {"b": 1}}, "is not JSON"),
        (JSON, "[1]", {"set": {"b": 1}}, "holds no map"),
        (JSON, '{"a": 1}', {"set": {"a.b": 1}}, "which is no map"),
        (JSON, '{"a": [1]}', {"set": {"a.1": 1}}, "item 1 of a list of 1"),
        (JSON, '{"a": [1]}', {"set": {"a.-1": 1}}, "item -1"),
        (JSON, '{"a": [1]}', {"remove": ["a.0"]}, "is not removed"),
        (JSON, " " * 1_100_000, {"set": {"b": 1}}, "more than 1048576 characters"),
        (TOML, "a = 1\na = 2\n", {"set": {"b": 1}}, "is not TOML"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(form: Format, text: str, spec: dict[str, Any], error: str) -> None:
    host = machines.machine({"/x": text})
    ready = JsonFileSpec.model_validate({"path": "/x", **spec})
    with pytest.raises(HostFault, match=error):
        documents.write(host, ready, form, documents.read(host, ready, form))
    assert host.read("/x").decode() == text


def test_a_bomb_of_aliases_is_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    host = machines.machine({"/x": text})
    ready = JsonFileSpec.model_validate({"path": "/x", "set": {"b": 1}})
    with pytest.raises(HostFault, match="more than 100000 values"):
        documents.read(host, ready, YAML)


def test_bytes_that_are_no_text_are_refused() -> None:
    host = machines.machine({"/x": b'{"a": "\xff"}'})
    ready = JsonFileSpec.model_validate({"path": "/x", "set": {"b": 1}})
    with pytest.raises(HostFault, match="is not JSON"):
        documents.read(host, ready, JSON)


def test_a_key_path_has_dots_or_is_a_pointer() -> None:
    assert key_path("a.b.0") == ("a", "b", "0")
    assert key_path("/a.b/c~1d/~01") == ("a.b", "c/d", "~1")
    for text in ("", ".", "a..b", "/", "//a", ".".join("a" * 65)):
        with pytest.raises(ValueError, match="is not a key path"):
            key_path(text)


KEYS = st.text("ab.#: ", min_size=1, max_size=4)
SCALARS = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text("aü#:'\"\\\n -{[&*!|>%@`1", max_size=8))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
MAPS = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.mark.parametrize("form", [JSON, YAML, TOML], ids=lambda form: form.name)
@settings(max_examples=tries(20))
@given(data=st.data())
def test_whatever_it_holds_it_comes_out_as_it_should_or_not_at_all(form: Format, data: st.DataObject) -> None:
    before, over = data.draw(MAPS), data.draw(MAPS.filter(bool))
    text = form.edited("", lambda document: document.update(before))
    assert form.plain(text) == before
    host = machines.machine({"/x": text})
    ready = JsonFileSpec.model_validate({"path": "/x", "merge": over})
    state = documents.read(host, ready, form)
    refused = ""
    try:
        documents.write(host, ready, form, state)
    except HostFault as error:
        refused = str(error)
    if refused:
        assert "would not come out as it should" in refused or "cannot be changed" in refused
        assert host.read("/x").decode() == text
        return
    assert form.plain(host.read("/x").decode()) == _laid_over(before, over)
    assert documents.changes(ready, documents.read(host, ready, form)) == []


def test_what_differs_is_named_and_nothing_else() -> None:
    host = machines.machine({"/x": json.dumps({"a": {"password": "old", "b": 1}, "c": [1]})})
    ready = JsonFileSpec.model_validate({"path": "/x", "merge": {"a": {"b": 2, "n": {"m": "x"}}}, "remove": ["c"]})
    found = documents.changes(ready, documents.read(host, ready, JSON))
    assert [tuple(change)[:3] for change in found] == [("a.b", "1", "2"), ("a.n.m", None, '"x"'), ("c", "[1]", None)]


def _laid_over(before: Any, over: Any) -> Any:
    if not (isinstance(before, dict) and isinstance(over, dict)):
        return over
    return {**before, **{key: _laid_over(before.get(key), value) for key, value in over.items()}}
