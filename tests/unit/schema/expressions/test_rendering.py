"""What comes out of a renderer: text, typed values, and errors with their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.expressions import ExpressionError, Kind, Renderer, has_tags
from tests.effort import tries

OURS = Renderer()
SCOPE: dict[str, Any] = {
    "vars": {"port": 80, "on": True, "list": [1, 2], "map": {"a": 1}, "name": "web", "ratio": 0.5, "none": None},
    "item": "x",
}


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("{{ vars.port }}", 80),
        ("{{vars.port}}", 80),
        ("{{ vars.on }}", True),
        ("{{ vars.list }}", [1, 2]),
        ("{{ vars.map }}", {"a": 1}),
        ("{{ vars.ratio }}", 0.5),
        ("{{ vars.none }}", None),
        ("{{ vars.port + 1 }}", 81),
        ("{{ vars.port, vars.on }}", [80, True]),
        ("{{- vars.port -}}", 80),
        (" {{ vars.port }}", " 80"),
        ("{{ vars.port }}\n", "80\n"),
        ("{{ vars.port }}{{ vars.port }}", "8080"),
        ("{{ vars.port }}{# a comment #}", "80"),
        ("{# a comment #}{{ vars.port }}", "80"),
        ("{% if true %}{{ vars.port }}{% endif %}", "80"),
        ("port {{ vars.port }}", "port 80"),
        ("no tags { } %", "no tags { } %"),
        ("", ""),
        (7, 7),
        (None, None),
        (True, True),
        (["{{ vars.port }}", "{{ item }}-{{ vars.name }}", 3], [80, "x-web", 3]),
        ({"a": {"b": ["{{ vars.on }}"]}, "{{ vars.port }}": 1}, {"a": {"b": [True]}, "{{ vars.port }}": 1}),
    ],
)
def test_a_value_that_is_one_expression_keeps_its_type_and_keys_are_left_alone(value: Any, rendered: Any) -> None:
    observed = OURS.render_value(value, SCOPE)
    assert observed == rendered
    assert type(observed) is type(rendered)


def test_a_rendered_value_is_a_copy_of_what_it_was_made_of() -> None:
    scope = {"vars": {"list": [1]}}
    OURS.render_value("{{ vars.list }}", scope).append(2)
    OURS.evaluate("vars.list", scope).append(3)
    assert scope == {"vars": {"list": [1]}}


def test_what_is_rendered_is_never_rendered_again() -> None:
    scope = {"vars": {"a": "{{ vars.b }}", "b": "secret"}, "traits": {"name": "{% if %}"}}
    assert OURS.render("{{ vars.a }} {{ traits.name }}", scope) == "{{ vars.b }} {% if %}"
    assert OURS.render_value(["{{ vars.a }}"], scope) == ["{{ vars.b }}"]


def test_a_value_nested_too_deep_is_refused() -> None:
    value: Any = "{{ 1 }}"
    for _ in range(100):
        value = [value]
    with pytest.raises(ExpressionError) as caught:
        OURS.render_value(value, {})
    assert caught.value.kind is Kind.LIMIT


@settings(max_examples=tries(100))
@given(st.text())
def test_a_text_without_tags_is_its_own_rendering(text: str) -> None:
    if has_tags(text):
        return
    assert OURS.render(text, {}) is text
    assert OURS.render_value(text, {}) is text


@settings(max_examples=tries(100))
@given(st.text(st.sampled_from("{}%#-+ 'a\n|.()[]1"), max_size=30))
def test_any_text_is_rendered_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        OURS.render(text, SCOPE)
    except ExpressionError as error:
        place = (error.line, error.column)
    else:
        place = (1, 1)
    assert (1, 1) <= place <= (text.count("\n") + 1, len(text) + 1)


@pytest.mark.parametrize(
    ("text", "kind", "line", "column", "message"),
    [
        ("a\n{{ vars.nope }}", Kind.UNDEFINED, 2, 9, "vars.nope is undefined"),
        ("{{ nope }}", Kind.UNDEFINED, 1, 4, "nope is undefined"),
        ("{{ vars.map.x.y }}", Kind.UNDEFINED, 1, 15, "vars.map.x.y is undefined"),
        ("{{ vars['x y'] }}", Kind.UNDEFINED, 1, 8, "vars['x y'] is undefined"),
        ("{{ vars[vars.name] }}", Kind.UNDEFINED, 1, 8, "vars[…] is undefined"),
        ("{{ vars.list[9] }}", Kind.UNDEFINED, 1, 13, "vars.list[9] is undefined"),
        ("{{ []|first }}", Kind.UNDEFINED, 1, 7, "first: there is nothing in it"),
        ("{{ 1 if false }}", Kind.UNDEFINED, 1, 6, "the condition does not hold, and there is no else"),
        ("\n\n{{ vars.port b }}", Kind.SYNTAX, 3, 14, "unexpected 'b'"),
        ("{{ 1 + }}", Kind.SYNTAX, 1, 8, "unexpected the end"),
        ("{{ (1 }}", Kind.SYNTAX, 1, 7, "unexpected '}'"),
        ("{{ 1", Kind.SYNTAX, 1, 1, "the tag has no end"),
        ("{{ 1) }}", Kind.SYNTAX, 1, 5, "unexpected ')'"),
        ("{{ 1 ! 2 }}", Kind.SYNTAX, 1, 6, "unexpected character '!'"),
        ("x {{ 'abc }}", Kind.SYNTAX, 1, 6, 'unexpected character "\'"'),
        ("{% if true %}", Kind.SYNTAX, 1, 1, "{% if %} has no {% endif %}"),
        ("a{% endif %}", Kind.SYNTAX, 1, 5, "endif closes nothing here"),
        ("{% if 1 %}{% endfor %}", Kind.SYNTAX, 1, 14, "endfor closes nothing here"),
        ("{% for x in y %}{% elif 1 %}{% endfor %}", Kind.SYNTAX, 1, 20, "elif belongs to if"),
        ("{% if 1 %}{% else %}{% else %}{% endif %}", Kind.SYNTAX, 1, 24, "else behind else"),
        ("{% nope %}", Kind.SYNTAX, 1, 4, "unknown statement nope"),
        ("{% set true = 1 %}", Kind.SYNTAX, 1, 8, "true cannot be set"),
        ("{% set loop = 1 %}", Kind.SYNTAX, 1, 8, "loop cannot be set"),
        ("{% for x y %}{% endfor %}", Kind.SYNTAX, 1, 10, "expected 'in', found 'y'"),
        ("{{ 007 }}", Kind.SYNTAX, 1, 4, "a number does not begin with 0"),
        ("{{ '\\ud800' }}", Kind.SYNTAX, 1, 4, "an escape in this string names no character"),
        ("{{ a is b is c }}", Kind.SYNTAX, 1, 11, "tests cannot be chained; join them with `and`"),
        ("{{ f(a=1, 2) }}", Kind.SYNTAX, 1, 11, "a value without a name cannot follow one with a name"),
        ("{{ f(a=1, a=2) }}", Kind.SYNTAX, 1, 11, "a is given twice"),
        ("{{ x[1:2:3:4] }}", Kind.SYNTAX, 1, 5, "a slice is [start:stop:step]"),
        ("{# no end", Kind.SYNTAX, 1, 1, "{# has no #}"),
        ("{{ 'a' + 1 }}", Kind.TYPE, 1, 8, "string + int"),
        ("{{ 'a' < 1 }}", Kind.TYPE, 1, 4, "a value here is of the wrong type"),
        ("{{ vars.port|length }}", Kind.TYPE, 1, 14, "length: a string, list or map, not int"),
        ("{% for x in vars.port %}{% endfor %}", Kind.TYPE, 1, 1, "a list, map or string, not int"),
        ("{% for a, b in vars.list %}{% endfor %}", Kind.TYPE, 1, 1, "a list of 2, not int"),
        ("{% set a, b = [1] %}", Kind.TYPE, 1, 1, "a list of 2, not of 1"),
        ("{{ vars.port.x() }}", Kind.SYNTAX, 1, 14, "there is no method x"),
        ("{{ vars.port.upper() }}", Kind.TYPE, 1, 14, "upper is a method of a string, not int"),
        ("{{ 1 // 0 }}", Kind.TYPE, 1, 6, "division by zero"),
        ("{{ vars.name[:'a'] }}", Kind.TYPE, 1, 13, "the bounds of a slice are numbers, its step not 0"),
        ("{{ vars.name[::0] }}", Kind.TYPE, 1, 13, "the bounds of a slice are numbers, its step not 0"),
    ],
)
def test_an_error_says_what_and_where(text: str, kind: Kind, line: int, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        OURS.render(text, SCOPE)
    error = caught.value
    assert (error.kind, error.line, error.column, error.message) == (kind, line, column, message)
    assert str(error) == f"line {line}: {message}"


def test_a_condition_holds_or_not_by_its_truth() -> None:
    assert OURS.holds("vars.port > 8 and 'a' in vars.map", SCOPE) is True
    assert OURS.holds("vars.none", SCOPE) is False
    assert OURS.holds("vars.list|reject('gt', 0)|list", SCOPE) is False


def test_an_expression_is_not_a_template() -> None:
    with pytest.raises(ExpressionError) as caught:
        OURS.evaluate("{{ vars.port }}", SCOPE)
    assert caught.value.kind is Kind.SYNTAX


def test_line_endings_and_the_last_newline_stay_as_they_are() -> None:
    assert OURS.render("a {{ 1 }}\r\nb\r\n", {}) == "a 1\r\nb\r\n"
    assert OURS.render("{% if true %}\r\na\r\n{% endif %}\r\nb", {}) == "a\r\nb"
    assert OURS.render("{{ 1 }}\n\n", {}) == "1\n\n"


def test_a_line_that_holds_only_a_statement_leaves_nothing_behind() -> None:
    text = "server:\n  {% for x in vars.list %}\n  - {{ x }}\n  {# one more #}\n  {% endfor %}\nend\n"
    assert OURS.render(text, SCOPE) == "server:\n  - 1\n  - 2\nend\n"


class TestDifferencesFromJinja2:
    """All that is known; `docs/decisions/0002` lists them."""

    def test_default_provides_for_a_path_that_breaks_off_early(self) -> None:
        assert OURS.evaluate("traits.services.nginx.state|default('absent')", {"traits": {}}) == "absent"
        assert OURS.evaluate("traits.services.nginx.state is defined", {"traits": {}}) is False

    def test_other_tests_do_not_take_what_is_undefined(self) -> None:
        with pytest.raises(ExpressionError) as caught:
            OURS.evaluate("vars.nope is none", SCOPE)
        assert caught.value.kind is Kind.UNDEFINED

    def test_keys_of_a_map_are_never_methods(self) -> None:
        assert OURS.evaluate("vars.items", {"vars": {"items": [1]}}) == [1]
        assert OURS.evaluate("vars.items()", {"vars": {"items": [1]}}) == [["items", [1]]]
        with pytest.raises(ExpressionError):
            OURS.evaluate("vars.items", {"vars": {}})

    def test_tuples_are_lists_and_nothing_is_lazy(self) -> None:
        assert OURS.render("{{ (1, 2) }} {{ {'a': 1}|items }} {{ [1]|map('string') }}", {}) == "[1, 2] [['a', 1]] ['1']"

    def test_tojson_escapes_nothing_for_html(self) -> None:
        assert OURS.evaluate("'<a> & é'|tojson", {}) == '"<a> & é"'

    def test_the_percent_sign_is_for_numbers(self) -> None:
        with pytest.raises(ExpressionError, match="% does not fill in a text"):
            OURS.evaluate("'%d' % 1", {})

    def test_text_is_not_multiplied_by_truth(self) -> None:
        with pytest.raises(ExpressionError, match="string \\* bool"):
            OURS.evaluate("'a' * true", {})

    def test_a_test_may_stand_before_if_and_in(self) -> None:
        assert OURS.evaluate("1 is odd if true else 2", {}) is True
        assert OURS.evaluate("1 is odd in [true]", {}) is True

    def test_groups_are_pairs(self) -> None:
        text = "{% for key, items in [{'k': 2, 'n': 'b'}, {'k': 1, 'n': 'a'}]|groupby('k') %}{{ key }}{{ items|length }}{% endfor %}"
        assert OURS.render(text, {}) == "1121"
