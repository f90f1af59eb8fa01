"""Ours and Jinja2's own sandbox give the same, for a corpus and for whatever a small grammar generates."""

from __future__ import annotations

from copy import deepcopy
from types import GeneratorType
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schema.expressions import ExpressionError, Kind, Renderer
from tests.effort import tries
from tests.unit.schema.expressions.corpus import EXPRESSIONS, SCOPE, TEMPLATES

JINJA = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)
OURS = Renderer()
# Jinja2 gets a copy: its `indent` adds a newline to a list that it is given, in place.


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(set(EXPRESSIONS)) >= 300
    assert len(set(TEMPLATES)) >= 60


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # Jinja2's, over '\\d'
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_has_the_value_and_type_that_jinja2_gives_it(expression: str) -> None:
    desired = JINJA.compile_expression(expression, undefined_to_none=False)(**deepcopy(SCOPE))
    observed = OURS.evaluate(expression, SCOPE)
    assert observed == desired
    assert type(observed) is type(desired)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_renders_as_jinja2_renders_it(template: str) -> None:
    assert OURS.render(template, SCOPE) == JINJA.from_string(template).render(**deepcopy(SCOPE))


def _operators(*symbols: str) -> st.SearchStrategy[str]:
    return st.sampled_from(symbols)


def _called(name: str, *arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*arguments).map(lambda given: f"{name}({', '.join(given)})" if given else name)


NUMBERS = st.one_of(
    st.integers(0, 40).map(str),
    st.sampled_from(["0.5", "2.0", "vars.port", "vars.ratio", "vars.negative", "vars.list[0]", "item.port"]),
)
TEXTS = st.one_of(
    st.text(st.sampled_from("abcXYZ -,.%{}é\n"), max_size=8).map(repr),
    st.sampled_from(["vars.name", "vars.text", "vars.unicode", "host.hostname", "vars.users[1].name", "vars.empty"]),
)
LISTS = st.one_of(
    st.lists(st.one_of(NUMBERS, TEXTS), max_size=4).map(lambda items: f"[{', '.join(items)}]"),
    st.sampled_from(["vars.list", "vars.words", "vars.users", "vars.mixed", "vars.nothing", "range(4)|list"]),
)
OTHERS = st.sampled_from(["true", "false", "none", "vars.map", "vars.nope", "vars.on", "{'k': [1, 'v']}", "nothing"])

FILTERS = st.one_of(
    st.sampled_from(
        [
            "upper",
            "lower",
            "title",
            "capitalize",
            "trim",
            "length",
            "first",
            "last",
            "list",
            "int",
            "float",
            "abs",
            "round",
            "string",
            "sum",
            "min",
            "max",
            "sort",
            "unique|list",
            "reverse|list",
            "default",
            "join",
            "indent",
            "count",
            "dictsort",
            "map('string')|list",
            "map('upper')|list",
            "select('string')|list",
            "reject('number')|list",
            "select|list",
            "map(attribute='name')|list",
            "urlencode",
            "selectattr('name','defined')|list",
        ]
    ),
    _called("replace", TEXTS, TEXTS),
    _called("default", NUMBERS),
    _called("join", TEXTS),
    _called("round", st.integers(-2, 3).map(str)),
    _called("int", NUMBERS),
    _called("truncate", st.integers(3, 30).map(str)),
    _called("center", st.integers(0, 30).map(str)),
    _called("batch", st.integers(1, 4).map(str)).map(lambda text: text + "|list"),
    _called("slice", st.integers(1, 4).map(str)).map(lambda text: text + "|list"),
    _called("format", NUMBERS),
)
TESTS = st.sampled_from(
    [
        "defined",
        "undefined",
        "none",
        "number",
        "string",
        "mapping",
        "sequence",
        "iterable",
        "odd",
        "even",
        "true",
        "false",
        "boolean",
        "integer",
        "float",
        "lower",
        "upper",
    ]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, _operators("+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">="), inner).map(" ".join),
        st.tuples(inner, _operators("and", "or"), inner).map(" ".join),
        st.tuples(inner, _operators("in", "not in"), inner).map(lambda t: f"({t[0]}) {t[1]} {t[2]}"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"(not {text})"),  # bare, behind an operator, it is a variable to Jinja2
        inner.map(lambda text: f"-({text})"),
        st.tuples(inner, FILTERS).map(lambda both: f"{both[0]}|{both[1]}"),
        st.tuples(inner, FILTERS).map(lambda both: f"({both[0]})|{both[1]}"),
        st.tuples(inner, TESTS).map(lambda both: f"{both[0]} is {both[1]}"),
        st.tuples(inner, TESTS).map(lambda both: f"({both[0]}) is not {both[1]}"),
        st.tuples(inner, st.sampled_from(["name", "uid", "b", "x"])).map(lambda both: f"({both[0]}).{both[1]}"),
        st.tuples(inner, st.integers(-2, 2)).map(lambda both: f"({both[0]})[{both[1]}]"),
        st.tuples(inner, st.integers(-2, 2), st.integers(-2, 3)).map(lambda t: f"({t[0]})[{t[1]}:{t[2]}]"),
        pair.map(lambda both: f"[{both[0]}, {both[1]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) if ({t[1]}) else {t[2]}"),
    )


GENERATED = st.recursive(st.one_of(NUMBERS, TEXTS, LISTS, OTHERS), _grown, max_leaves=6)


def _plain(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined | GeneratorType):
        raise LookupError
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # CPython's, over what Jinja2 makes of `not (0)[0:0]`
@settings(max_examples=tries(300))
@given(expression=GENERATED)
def test_where_both_give_a_value_it_is_the_same_and_ours_is_the_stricter(expression: str) -> None:
    try:
        desired = _plain(JINJA.compile_expression(expression, undefined_to_none=False)(**deepcopy(SCOPE)))
    except Exception as error:
        desired = error
    try:
        observed = OURS.evaluate(expression, SCOPE)
    except ExpressionError as error:
        observed = error
    if isinstance(observed, ExpressionError):
        # Never a different idea of what a legal expression is; only a stricter one of what may be done with a value.
        # `%` on a text is refused as it is read: an escape from Jinja2's sandbox once (`format` is there instead).
        refused = observed.kind is Kind.SYNTAX and "does not fill in a text" not in str(observed)
        assert not refused or isinstance(desired, Exception)
    elif isinstance(desired, Exception):
        assert isinstance(desired, jinja2.UndefinedError)  # for `default` a path may break off before its last key
    else:
        assert repr(observed) == repr(desired)


_SIGN = st.sampled_from(["", "-", "+"])
_END_SIGN = st.sampled_from(["", "-", "+"])
_SPACE = st.text(st.sampled_from(" \n\tx"), max_size=5)


def _statement(words: str) -> st.SearchStrategy[str]:
    return st.tuples(_SIGN, _END_SIGN).map(lambda signs: f"{{%{signs[0]} {words} {signs[1]}%}}")


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(_statement("if vars.on"), inner, _statement("endif")).map("".join),
        st.tuples(_statement("if vars.off"), inner, _statement("else"), inner, _statement("endif")).map("".join),
        st.tuples(_statement("for x in vars.list"), inner, _statement("endfor")).map("".join),
        st.tuples(inner, inner).map("".join),
    )


LAYOUTS = st.recursive(
    st.one_of(
        _SPACE,
        st.tuples(
            _SPACE, _SIGN.map(lambda sign: sign.replace("+", "")), _SIGN.map(lambda sign: sign.replace("+", ""))
        ).map(lambda t: f"{t[0]}{{{{{t[1]} 1 {t[2]}}}}}"),
        st.tuples(_SPACE, _SIGN, _END_SIGN, _SPACE).map(lambda t: f"{t[0]}{{#{t[1]} note {t[2]}#}}{t[3]}"),
        st.tuples(
            _SPACE,
            _SIGN,
            st.sampled_from(["", "-"]),
            _SPACE,
            _SIGN,
            _END_SIGN,
            _SPACE,
        ).map(lambda t: f"{t[0]}{{%{t[1]} raw {t[2]}%}}{t[3]}{{{{ y }}}}{{%{t[4]} endraw {t[5]}%}}{t[6]}"),
        st.tuples(_SPACE, _statement("set y = 2"), _SPACE).map("".join),
    ),
    _wrapped,
    max_leaves=8,
)


@settings(max_examples=tries(140))
@given(template=LAYOUTS)
def test_white_space_around_tags_is_kept_and_trimmed_as_jinja2_does(template: str) -> None:
    assert OURS.render(template, SCOPE) == JINJA.from_string(template).render(**deepcopy(SCOPE))
