"""The filters that Jinja2 does not have, against what they are for."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shlex
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from schema.expressions import ExpressionError, Kind, Renderer
from tests.effort import tries

OURS = Renderer()

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        ["yes", "No", "on", "null", "~", "1e3", "0x1f", "1_000", "2026-01-01", "- a", "a: b", "#", "", "12:30:45"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def _value(expression: str, value: Any) -> Any:
    return OURS.evaluate(expression, {"vars": {"x": value}})


@settings(max_examples=tries(100))
@given(PLAIN)
def test_to_json_is_read_back_as_the_same_value(value: Any) -> None:
    assert json.loads(_value("vars.x|to_json", value)) == value
    assert json.loads(_value("vars.x|to_json(indent=2)", value)) == value


@settings(max_examples=tries(100))
@given(PLAIN, st.integers(1, 8))
def test_to_yaml_is_read_back_as_the_same_value_by_readers_of_both_versions(value: Any, indent: int) -> None:
    text = OURS.evaluate(f"vars.x|to_yaml(indent={indent})", {"vars": {"x": value}})
    assert text.endswith("\n")
    assert yaml.safe_load(text) == value
    assert YAML(typ="safe", pure=True).load(io.StringIO(text)) == value


def test_to_yaml_is_what_people_would_write() -> None:
    value = {
        "groups": [{"name": "hosts", "rules": [{"alert": "Down", "for": "5m"}]}, {"name": "none", "rules": []}],
        "enabled": True,
        "empty": {},
        "answer": "yes",
        "path": "/etc/motd",
        "nothing": None,
    }
    assert _value("vars.x|to_yaml", value) == (
        'answer: "yes"\n'
        "empty: {}\n"
        "enabled: true\n"
        "groups:\n"
        "  - name: hosts\n"
        "    rules:\n"
        "      - alert: Down\n"
        '        for: "5m"\n'
        '  - name: "none"\n'
        "    rules: []\n"
        "nothing: null\n"
        "path: /etc/motd\n"
    )


def test_keys_are_sorted_so_that_the_same_value_is_the_same_text() -> None:
    for name in ("to_json", "to_yaml", "tojson"):
        assert _value(f"vars.x|{name}", {"b": 1, "a": 2}) == _value(f"vars.x|{name}", {"a": 2, "b": 1})


@settings(max_examples=tries(70))
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_quote_is_one_word_of_a_shell_command(text: str) -> None:
    quoted = _value("vars.x|quote", text)
    assert quoted == shlex.quote(text)
    if "\0" not in text:
        assert shlex.split(quoted) == [text]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_b64encode_and_sha256_are_of_the_utf8(text: str) -> None:
    assert base64.b64decode(_value("vars.x|b64encode", text)) == text.encode()
    assert _value("vars.x|sha256", text) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'192.0.2.7'|ipaddr", "192.0.2.7"),
        ("'2001:DB8::0:1'|ipaddr", "2001:db8::1"),
        ("'192.0.2.7/24'|ipaddr", "192.0.2.7/24"),
        ("'192.0.2.7/24'|ipaddr('address')", "192.0.2.7"),
        ("'192.0.2.7/24'|ipaddr('network')", "192.0.2.0"),
        ("'192.0.2.7/24'|ipaddr('subnet')", "192.0.2.0/24"),
        ("'192.0.2.7/24'|ipaddr('netmask')", "255.255.255.0"),
        ("'192.0.2.7/24'|ipaddr('hostmask')", "0.0.0.255"),
        ("'192.0.2.7/24'|ipaddr('broadcast')", "192.0.2.255"),
        ("'192.0.2.7/24'|ipaddr('prefix')", 24),
        ("'2001:db8::1'|ipaddr('version')", 6),
        ("'192.0.2.7'|ipaddr('reverse')", "7.2.0.192.in-addr.arpa"),
        ("'a,b,,c'|split(',')", ["a", "b", "", "c"]),
        ("' a  b '|split", ["a", "b"]),
        ("'a\nb\r\nc'|lines", ["a", "b", "c"]),
        ("'%5.1f|%-4s|%03d|%x|%%'|format(3.14159, 'a', 7, 255)", "  3.1|a   |007|ff|%"),
        ("'%s'|format([1, 'a'])", "[1, 'a']"),
        ("'%s and %s'|format(true, none)", "True and None"),
    ],
)
def test_own_filters_give_what_they_are_for(expression: str, value: Any) -> None:
    observed = OURS.evaluate(expression, {})
    assert observed == value
    assert type(observed) is type(value)


@pytest.mark.parametrize(
    "expression",
    [
        "'not an address'|ipaddr",
        "'192.0.2.256'|ipaddr",
        "'192.0.2.7'|ipaddr('colour')",
        "7|ipaddr",
        "'%d'|format('a')",
        "'%d %d'|format(1)",
        "'%d'|format(1, 2)",
        "'%q'|format(1)",
        "'%*d'|format(5, 1)",
        "'%(a)s'|format(1)",
        "'%99999d'|format(1)",
        "'100%'|format",
        "'a'|split('')",
        "1|to_yaml(indent=0)",
        "1|to_json(indent=99)",
        "'a'|batch(2)|first|batch(0)",
        "[1]|slice(0)",
        "'a'|center(-1)",
        "'abc'|truncate(1)",
        "[1, 'a']|sort",
        "[{'a': 1}]|sort(attribute='b')",
        "['a']|sum",
    ],
)
def test_a_filter_given_what_it_cannot_take_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        OURS.evaluate(expression, {})
    assert caught.value.kind in (Kind.TYPE, Kind.UNDEFINED)
