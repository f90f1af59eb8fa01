"""No text reaches an object of Python, whatever it tries; and what is refused is refused before anything runs."""

from __future__ import annotations

import pytest

from schema.expressions import ExpressionError, Kind, NoHost, Renderer
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS, METHODS
from schema.expressions.predicates import TESTS
from schema.expressions.statements import REFUSED
from tests.unit.schema.expressions.corpus import SCOPE

OURS = Renderer()

ESCAPES = (
    # CVE-2016-10745, CVE-2019-10906, CVE-2024-56326: format reaches attributes
    "{{ '{0.__class__.__mro__}'.format(vars) }}",
    "{{ '{a.__class__}'.format(a=vars) }}",
    "{{ '{x}'.format_map(vars) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(vars) }}",
    "{{ ('{0.__class__}'|string).format(vars) }}",
    "{{ ['{0.__class__}'.format][0](vars) }}",
    # CVE-2025-27516: attr reaches what a subscript does not
    "{{ vars|attr('__class__') }}",
    "{{ ''|attr('format')('{0.__class__}', vars) }}",
    "{{ vars|map(attribute='__class__')|list }}",
    "{{ [vars]|map(attribute='__class__')|list }}",
    "{{ [vars]|map('attr', '__class__')|list }}",
    "{{ [vars]|sort(attribute='__class__') }}",
    "{{ [vars]|groupby('__class__') }}",
    "{{ [vars]|selectattr('__class__')|list }}",
    "{{ [vars]|sum(attribute='__class__') }}",
    # CVE-2024-56201: names of templates and blocks
    "{% include '/etc/passwd' %}",
    "{% extends vars.name %}",
    "{% import 'os' as os %}",
    "{% from 'os' import system %}",
    "{% block a %}{% endblock %}",
    # the usual ways to builtins
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ vars.__class__ }}",
    "{{ vars['__class__'] }}",
    "{{ vars.__init__.__globals__['os'].system('id') }}",
    "{{ ().__class__.__base__ }}",
    "{{ range.__globals__ }}",
    "{{ file_exists.__globals__ }}",
    "{{ has_trait.__self__ }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ cycler('a') }}",
    "{{ joiner.__init__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum() }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ config }}",
    "{{ request }}",
    "{{ debug() }}",
    "{{ super() }}",
    "{{ caller() }}",
    "{{ loop }}",
    "{{ __import__('os') }}",
    "{{ eval('1') }}",
    "{{ open('/etc/passwd') }}",
    "{{ vars.list.append(1) }}",
    "{{ vars.list.clear() }}",
    "{{ vars.list.sort() }}",
    "{{ vars.map.pop('a') }}",
    "{{ vars.map.clear() }}",
    "{{ vars.map.update({'a': 1}) }}",
    "{{ vars.map.setdefault('x', 1) }}",
    "{{ vars.map.items.__self__ }}",
    "{{ vars.map.items }}",
    "{{ vars.name.upper }}",
    "{{ vars.name.encode() }}",
    "{{ vars.name.translate({}) }}",
    "{{ vars.name.__mod__(1) }}",
    "{{ '%(a)s' % vars }}",
    "{{ '%s' % 'a' }}",
    "{{ vars.port.bit_length() }}",
    "{{ vars.port.real }}",
    "{{ (1).__class__ }}",
    "{{ 1.5.hex() }}",
    "{{ true.__class__ }}",
    "{{ vars['list']['append'](1) }}",
    "{{ (vars.name ~ 'x')() }}",
    "{{ [1](2) }}",
    "{% macro f() %}{{ caller() }}{% endmacro %}{{ f.__globals__ }}",
    "{% call f() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% do vars.list.append(1) %}",
    "{% set vars.x = 1 %}",
    "{% set x %}block{% endset %}",
    "{% for x in vars.list recursive %}{{ loop(x) }}{% endfor %}",
    "{% for x in vars.list %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in vars.list %}{{ loop.changed(1) }}{% endfor %}",
    "{% debug %}",
    "{% trans %}a{% endtrans %}",
    "{% raw %}{% endraw %}{{ vars._x }}",
)


@pytest.mark.parametrize("template", ESCAPES)
def test_an_attempt_to_reach_an_object_ends_in_an_error(template: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        OURS.render(template, SCOPE)
    assert caught.value.kind in (Kind.SYNTAX, Kind.UNDEFINED, Kind.TYPE)


def test_no_method_changes_what_it_is_called_on() -> None:
    for name, (owner, _) in METHODS.items():
        assert not hasattr(list, name) or owner is not list
        assert name not in ("append", "clear", "pop", "popitem", "update", "setdefault", "remove", "extend", "format")


def test_a_scope_is_as_it_was_after_any_rendering() -> None:
    scope = {"vars": {"list": [2, 1], "map": {"b": 1}}}
    text = (
        "{% set vars = 1 %}{% set x = [1] %}{% for list in [3] %}{{ list }}{% endfor %}"
        "{{ [2, 1]|sort }}{{ {'b': 1}|dictsort }}{{ [1]|batch(2, 9) }}"
    )
    OURS.render(text, scope)
    OURS.evaluate("vars.list|sort|reverse + vars.list|map('string')|list + vars.map|items", scope)
    assert scope == {"vars": {"list": [2, 1], "map": {"b": 1}}}


@pytest.mark.parametrize("statement", sorted(REFUSED))
def test_a_statement_that_is_no_part_of_the_language_says_so(statement: str) -> None:
    with pytest.raises(ExpressionError, match="no part of the language") as caught:
        OURS.render(f"text\n  {{% {statement} x %}}", SCOPE)
    assert (caught.value.kind, caught.value.line, caught.value.column) == (Kind.SYNTAX, 2, 6)


class _Object:
    """Something of Python's that must not get in, nor be asked anything."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was asked for")

    def __getitem__(self, key: object) -> object:
        return "reached"

    def __str__(self) -> str:
        raise AssertionError("its text was asked for")


@pytest.mark.parametrize(
    "expression",
    [
        "vars.object",
        "[vars.object]",
        "{'a': vars.object}",
        "vars.object|upper",
        "vars.object|list",
        "vars.object ~ 'x'",
    ],
)
def test_an_object_in_the_scope_is_refused_where_it_is_used(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        OURS.evaluate(expression, {"vars": {"object": _Object()}})
    assert caught.value.kind is Kind.TYPE


def test_an_object_is_not_written_to_a_text_either() -> None:
    with pytest.raises(ExpressionError, match="not plain data"):
        OURS.render("{{ vars.object }}", {"vars": {"object": _Object()}})
    with pytest.raises(ExpressionError, match="not plain data"):
        OURS.render("{{ vars.list }}", {"vars": {"list": [_Object()]}})


def test_subclasses_of_plain_types_come_out_plain() -> None:
    class Text(str):
        __slots__ = ()

    class Map(dict[str, object]):
        pass

    value = OURS.evaluate("vars", {"vars": Map(a=Text("x"), b=(1, 2))})
    assert value == {"a": "x", "b": [1, 2]}
    assert type(value) is dict
    assert type(value["a"]) is str
    assert type(value["b"]) is list


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("{% if false %}{{ 'a'|nofilter }}{% endif %}", "nofilter"),
        ("{{ 1 if true else nofunction() }}", "nofunction"),
        ("{% for x in [] %}{{ x is notest }}{% endfor %}", "notest"),
        ("{{ true or 'a'.nomethod() }}", "nomethod"),
        ("{{ []|map('nofilter')|list }}", "nofilter"),
        ("{{ []|select('notest')|list }}", "notest"),
        ("{{ []|selectattr('a', 'notest')|list }}", "notest"),
        ("{{ false and 'a'|replace('b') }}", "replace"),
        ("{{ []|map('replace', 'b')|list }}", "replace"),
        ("{{ false and 'a'|upper(1) }}", "upper"),
        ("{{ false and 'a'|indent(depth=1) }}", "depth"),
        ("{{ false and 'a'|indent(1, width=1) }}", "twice"),
    ],
)
def test_an_unknown_word_or_a_wrong_argument_is_an_error_even_where_nothing_is_evaluated(
    template: str, word: str
) -> None:
    with pytest.raises(ExpressionError, match=word) as caught:
        OURS.render(template, SCOPE)
    assert caught.value.kind is Kind.SYNTAX


def test_a_near_miss_is_told_what_was_meant() -> None:
    with pytest.raises(ExpressionError, match="did you mean upper"):
        OURS.render("{{ 'a'|uper }}", SCOPE)
    with pytest.raises(ExpressionError, match="to_yaml"):
        OURS.render("{{ 'a'|to_nice_yaml }}", SCOPE)


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "expression",
    [
        "vars.s|ipaddr",
        "vars.s + 1",
        "vars.s / 2",
        "vars.s.nope",
        "vars.s['nope']",
        "vars.s|round",
        "vars.s|abs",
        "vars.s|sum",
        "vars.s|format(1)",
        "vars.s|batch(vars.s)",
        "vars.s is divisibleby 2",
        "vars.s < 1",
        "1 in vars.s",
        "vars.m[vars.l]",
        "{vars.l: 1}",
        "vars.m[vars.s]",
        "vars.l|sort(attribute=vars.s)",
        "vars.l|join(attribute=vars.s)",
        "range(vars.s)",
        "hour_range(vars.s, 1)",
        "day_of_week(vars.s)",
        "vars.s|split('')",
        "vars.s|center(vars.s)",
        "vars.s|truncate(1)",
        "vars.s|int(base=99) + vars.s",
        "vars.l[vars.s]",
        "vars.s[vars.s:]",
        "[1, vars.s]|sort",
        "[1, vars.s]|max",
        "vars.s|replace(1, 2, vars.s)",
        "vars.m|dictsort(by=vars.s)",
        "1|round(1, vars.s)",
        "'10.0.0.1'|ipaddr(vars.s)",
        "vars.s|to_json(vars.s)",
        "vars.s.startswith(1)",
        "-vars.s",
    ],
)
def test_an_error_never_shows_a_value(expression: str) -> None:
    class Host(NoHost):
        pass

    scope = {"vars": {"s": SECRET, "l": [SECRET], "m": {"k": SECRET}}, "traits": {}}
    with pytest.raises(ExpressionError) as caught:
        Renderer(Host()).evaluate(expression, scope)
    shown = f"{caught.value} {caught.value!r} {caught.value.args}"
    assert "hunter2" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_word_has_a_docstring_or_is_a_one_liner() -> None:
    """The reference page is made from these."""
    for name, function in {**FILTERS, **FUNCTIONS, **{key: value[1] for key, value in METHODS.items()}}.items():
        assert function.__doc__, name
    assert TESTS
