"""What a text would ask for, found without evaluating it; and that what is found to be sound evaluates."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reconciler import expressions
from reconciler.expressions import EACH, WORKFLOW_ROOTS, Analysis, analyse, analyse_value
from schema.expressions import ExpressionError, Kind, Renderer
from schema.traits import lookup
from tests.unit.schema.expressions.corpus import EXPRESSIONS, SCOPE, TEMPLATES
from tests.unit.schema.expressions.test_sandbox import ESCAPES


def _template(text: str, **options: Any) -> Analysis:
    return analyse(text, template=True, **options)


def _condition(text: str, **options: Any) -> Analysis:
    return analyse(text, template=False, **options)


def _paths(analysis: Analysis) -> dict[str, bool]:
    """Path, as written → whether its absence is provided for, everywhere it is asked for."""
    found: dict[str, bool] = {}
    for use in analysis.paths:
        found[use.dotted] = found.get(use.dotted, True) and use.guarded
    return found


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("plain", {}),
        ("{{ vars.a }}", {"vars.a": False}),
        ("{{ vars['a'].b['c d'] }}", {"vars.a.b.c d": False}),
        ("{{ vars.a[0].b }}", {"vars.a.0.b": False}),
        ("{{ vars.a.0 }}", {"vars.a.0": False}),
        ("{{ vars.a[vars.b].c }}", {"vars.a": False, "vars.b": False}),
        ("{{ vars.a[vars.b]['c'].d }}", {"vars.a": False, "vars.b": False}),
        ("{{ vars.a[1:vars.n] }}", {"vars.a": False, "vars.n": False}),
        ("{{ vars }}", {"vars": False}),
        ("{{ vars.a.items() }}", {"vars.a": False}),
        ("{{ [vars.a, {'k': vars.b, vars.c: 1}] }}", {"vars.a": False, "vars.b": False, "vars.c": False}),
        ("{{ vars.a ~ vars.b + vars.c ** vars.d }}", {f"vars.{name}": False for name in "abcd"}),
        ("{{ vars.a < vars.b in vars.c }}", {f"vars.{name}": False for name in "abc"}),
        ("{{ 'x'|replace(vars.a, new=vars.b) }}", {"vars.a": False, "vars.b": False}),
        ("{{ file_exists(vars.a) }}", {"vars.a": False}),
        ("{{ host.hostname }}{{ traits.os.family }}", {"host.hostname": False, "traits.os.family": False}),
        ("{{ traits.packages['python3.11'] }}", {"traits.packages.python3.11": False}),
        ("{# {{ vars.a }} #}{% raw %}{{ vars.b }}{% endraw %}", {}),
    ],
)
def test_every_path_is_found_as_far_as_it_is_written_out(text: str, paths: dict[str, bool]) -> None:
    analysis = _template(text)
    assert _paths(analysis) == paths
    assert analysis.problems == ()
    assert analysis.unknown == ()


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        # defaults and tests
        ("{{ vars.a|default('x') }}", {"vars.a": True}),
        ("{{ vars.a.b.c|d }}", {"vars.a.b.c": True}),
        ("{{ vars.a|default(vars.b) }}", {"vars.a": True, "vars.b": False}),
        ("{{ vars.a|upper|default('x') }}", {"vars.a": False}),
        ("{{ vars.a is defined }}", {"vars.a": True}),
        ("{{ vars.a is not defined or vars.b }}", {"vars.a": True, "vars.b": False}),
        ("{{ (vars.a if vars.c else vars.b)|default(1) }}", {"vars.a": True, "vars.b": True, "vars.c": False}),
        # conditions around
        ("{% if vars.a is defined %}{{ vars.a.b }}{% endif %}", {"vars.a": True, "vars.a.b": True}),
        ("{% if vars.a is defined %}{{ vars.b }}{% endif %}", {"vars.a": True, "vars.b": False}),
        ("{% if vars.a is defined %}{% else %}{{ vars.a }}{% endif %}", {"vars.a": False}),
        ("{% if vars.a is undefined %}{% else %}{{ vars.a }}{% endif %}", {"vars.a": True}),
        ("{% if not vars.a is defined %}{% elif vars.b %}{{ vars.a }}{% endif %}", {"vars.a": True, "vars.b": False}),
        ("{% if vars.a is defined %}{% endif %}{{ vars.a }}", {"vars.a": False}),
        ("{% if vars.a|default(false) %}{{ vars.a }}{% endif %}", {"vars.a": True}),
        ("{% if vars.a|default(true) %}{{ vars.a }}{% endif %}", {"vars.a": False}),
        ("{{ vars.a if vars.a is defined else 'x' }}", {"vars.a": True}),
        ("{{ 'x' if vars.a is undefined else vars.a }}", {"vars.a": True}),
        ("{{ vars.a is defined and vars.a > 1 }}", {"vars.a": True}),
        ("{{ vars.a > 1 and vars.a is defined }}", {"vars.a": False}),
        ("{{ vars.a is undefined or vars.a > 1 }}", {"vars.a": True}),
        ("{{ vars.a is defined or vars.a > 1 }}", {"vars.a": False}),
        (
            "{% if vars.a is defined and vars.b is defined %}{{ vars.a ~ vars.b }}{% endif %}",
            {"vars.a": True, "vars.b": True},
        ),
        ("{% if vars.a is defined or vars.b is defined %}{{ vars.a }}{% endif %}", {"vars.a": False, "vars.b": True}),
        ("{% if not (vars.a is undefined or vars.b) %}{{ vars.a }}{% endif %}", {"vars.a": True, "vars.b": False}),
        # traits
        ("{{ traits.packages.nginx if has_trait('packages.nginx') else 'x' }}", {"traits.packages.nginx": True}),
        (
            "{% if has_trait('services.nginx') %}{{ traits.services.nginx.state }}{% endif %}",
            {"traits.services.nginx.state": True},
        ),
        (
            "{% if has_trait('services.ssh') %}{{ traits.services.nginx.state }}{% endif %}",
            {"traits.services.nginx.state": False},
        ),
        (
            "{% if not has_trait('packages.nginx') %}{{ traits.packages.nginx }}{% endif %}",
            {"traits.packages.nginx": False},
        ),
        (
            "{% if 'nginx' in traits.packages %}{{ traits.packages.nginx }}{% endif %}",
            {"traits.packages": False, "traits.packages.nginx": True},
        ),
        (
            "{% if 'nginx' not in traits.packages %}{{ traits.packages.nginx }}{% endif %}",
            {"traits.packages": False, "traits.packages.nginx": False},
        ),
        (
            "{% if has_trait('packages.a') and version_ge(traits.packages.a, '1') %}{{ traits.packages.a }}{% endif %}",
            {"traits.packages.a": True},
        ),
    ],
)
def test_a_path_is_guarded_where_the_text_provides_for_its_absence(text: str, paths: dict[str, bool]) -> None:
    assert _paths(_template(text)) == paths


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{% for v in vars.vs %}{{ v.name }}{% endfor %}", {"vars.vs": False, "vars.vs[].name": False}),
        ("{% for v in vars.vs|sort(attribute='n') %}{{ v.x }}{% endfor %}", {"vars.vs": False, "vars.vs[].n": False, "vars.vs[].x": False}),
        ("{% for v in vars.vs[1:] %}{{ v.x }}{% endfor %}", {"vars.vs": False, "vars.vs[].x": False}),
        ("{% for v in vars.vs.values() %}{{ v.x }}{% endfor %}", {"vars.vs": False, "vars.vs[].x": False}),
        ("{% for k, v in vars.m.items() %}{{ k }}{{ v.x }}{% endfor %}", {"vars.m": False, "vars.m[].x": False}),
        ("{% for k, v in vars.m|dictsort %}{{ k.x }}{{ v.x }}{% endfor %}", {"vars.m": False, "vars.m[].x": False}),
        ("{% for v in vars.vs|default([]) %}{{ v.x }}{% endfor %}", {"vars.vs": True, "vars.vs[].x": True}),
        ("{% for v in vars.vs %}{% for w in v.ws %}{{ w.x }}{% endfor %}{% endfor %}", {"vars.vs": False, "vars.vs[].ws": False, "vars.vs[].ws[].x": False}),
        ("{% for v in vars.vs %}{{ v.x if v.x is defined }}{% endfor %}{{ 1 }}", {"vars.vs": False, "vars.vs[].x": True}),
        ("{% for v in vars.vs if v.x is defined %}{{ v.x }}{% endfor %}", {"vars.vs": False, "vars.vs[].x": True}),
        ("{% for v in vars.vs|selectattr('x', 'defined') %}{{ v.x }}{% endfor %}", {"vars.vs": False, "vars.vs[].x": True}),
        ("{% if vars.vs is defined %}{% for v in vars.vs %}{{ v.x }}{% endfor %}{% endif %}", {"vars.vs": True, "vars.vs[].x": True}),
        ("{% for v in vars.vs %}{% if v.x is defined %}{% for w in vars.vs %}{{ w.x }}{% endfor %}{% endif %}{% endfor %}", {"vars.vs": False, "vars.vs[].x": False}),
        ("{% for v in [vars.a, vars.b] %}{{ v.x }}{% endfor %}", {"vars.a": False, "vars.b": False}),
        ("{% for v in vars.vs %}{{ loop.index }}{% else %}{{ vars.a }}{% endfor %}", {"vars.vs": False, "vars.a": False}),
        ("{% set x = vars.a %}{{ x.b }}", {"vars.a": False, "vars.a.b": False}),
        ("{% set x = vars.a %}{% set y = x.b %}{{ y.c }}", {"vars.a": False, "vars.a.b": False, "vars.a.b.c": False}),
        ("{% set x = 1 %}{{ x }}{{ x.y }}", {}),
        ("{% set vars = {'a': 1} %}{{ vars.a }}", {}),
        ("{% if vars.a %}{% set x = vars.b %}{% else %}{% set x = vars.c %}{% endif %}{{ x.y }}", {"vars.a": False, "vars.b": False, "vars.c": False}),
        ("{{ vars.us|map(attribute='a.b')|join }}", {"vars.us": False, "vars.us[].a.b": False}),
        ("{{ vars.us|map(attribute='a', default='x')|join }}", {"vars.us": False, "vars.us[].a": True}),
        ("{{ vars.us|selectattr('a', 'eq', 1)|map(attribute='b')|list }}", {"vars.us": False, "vars.us[].a": False, "vars.us[].b": False}),
        ("{{ vars.us|sort(attribute='a,b')|sum(attribute='c') }}", {"vars.us": False, "vars.us[].a": False, "vars.us[].b": False, "vars.us[].c": False}),
        ("{{ vars.us|join(', ', attribute='n') ~ vars.us|map('upper')|join }}", {"vars.us": False, "vars.us[].n": False}),
    ],
)  # fmt: skip
def test_local_names_are_followed_to_the_paths_they_stand_for(text: str, paths: dict[str, bool]) -> None:
    analysis = _template(text)
    assert _paths(analysis) == paths
    assert analysis.problems == ()
    assert analysis.unknown == ()


def test_a_guard_covers_what_it_asks_about_and_no_more() -> None:
    text = "{% for v in vars.vs %}{% if v.tls is defined %}{{ v.tls.key }}{% endif %}{{ v.a|default(1) }}{% endfor %}"
    uses = {use.dotted: use.provided for use in _template(text).paths}
    assert uses == {"vars.vs": 0, "vars.vs[].tls": 4, "vars.vs[].tls.key": 4, "vars.vs[].a": 4}
    assert [use.path for use in _template(text).paths][2] == ("vars", "vs", EACH, "tls", "key")


def test_places_are_lines_and_columns_of_the_text() -> None:
    analysis = _template(
        "first\n  {{ vars.a|uper }}\n{% if nope %}{{ traits.os.family }}{% endif %}\n{{ range(1) is odd }}"
    )
    assert [(use.dotted, use.line, use.column) for use in analysis.paths] == [
        ("vars.a", 2, 11),
        ("traits.os.family", 3, 27),
    ]
    assert analysis.unknown == (expressions.Word("nope", 3, 7),)
    assert analysis.filters == (expressions.Word("uper", 2, 13),)
    assert analysis.functions == (expressions.Word("range", 4, 4),)
    assert analysis.tests == (expressions.Word("odd", 4, 16),)
    assert analysis.problems == (expressions.Problem(2, 13, "there is no filter uper", "did you mean upper?"),)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("{{ vars.a b }}", 1, 11, "unexpected 'b'"),
        ("a\nb {% if %}", 2, 9, "unexpected the end"),
        ("{% include 'x' %}", 1, 4, "include is no part of the language"),
        ("{% macro f() %}{% endmacro %}", 1, 4, "macro is no part of the language"),
        ("{% for x in y recursive %}{% endfor %}", 1, 15, "recursive loops are no part of the language"),
        ("{% set x.y = 1 %}", 1, 9, "namespaces are no part of the language"),
        ("{{ " + "(" * 99 + "1" + ")" * 99 + " }}", 1, 36, "nested deeper than"),
        ("{{ 1 if }}", 1, 9, "unexpected the end"),
    ],
)
def test_a_text_that_is_none_of_the_language_is_one_problem_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    analysis = _template(text)
    (problem,) = analysis.problems
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert analysis.paths == ()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ 'a'|nofilter }}", "there is no filter nofilter", ""),
        ("{{ 'a'|to_nice_yaml }}", "there is no filter to_nice_yaml", "write to_yaml"),
        ("{{ 'a' is emtpy }}", "there is no test emtpy", ""),
        ("{{ files_exist('a') }}", "there is no function files_exist", "did you mean file_exists?"),
        ("{{ 'a'.strp() }}", "there is no method strp", "did you mean strip?"),
        ("{{ 'a'.format(1) }}", "there is no method format", "write {{ 'port %d'|format(vars.port) }}"),
        ("{{ [1]|map('uper')|list }}", "there is no filter uper", "did you mean upper?"),
        ("{{ [1]|map(vars.f)|list }}", "map: the name of the filter must be written out", ""),
        ("{{ [1]|map|list }}", "map needs the name of a filter, or attribute=", ""),
        ("{{ [1]|selectattr|list }}", "selectattr needs an attribute and perhaps a test", ""),
        ("{{ 'a'|replace('b') }}", "replace needs new", ""),
        ("{{ 'a'|upper(1) }}", "upper takes no argument, not 1", ""),
        ("{{ 'a'|indent(depth=2) }}", "indent has no argument depth", "it has width, first, blank"),
        ("{% for x in [] %}{{ loop.position }}{% endfor %}", "loop has no position", ""),
        (
            "{% if vars.a %}{% set x = 1 %}{% endif %}{{ x }}",
            "x is set in some branches only",
            "set it before",
        ),
    ],
)
def test_a_word_that_is_none_of_the_language_is_a_problem_with_a_hint(text: str, message: str, hint: str) -> None:
    (problem,) = _template(text).problems
    assert (problem.message, problem.hint) == (message, hint)


def test_all_problems_of_a_text_are_found() -> None:
    analysis = _template("{{ a|x1 }}{{ b is x2 }}{{ x3() }}{% if false %}{{ 'a'|x4 }}{% endif %}")
    assert [problem.message for problem in analysis.problems] == [
        "there is no filter x1",
        "there is no test x2",
        "there is no function x3",
        "there is no filter x4",
    ]
    assert [word.name for word in analysis.unknown] == ["a", "b"]


def test_roots_are_what_the_place_allows() -> None:
    assert [word.name for word in _template("{{ inputs.a }}{{ vars.b }}").unknown] == ["inputs"]
    workflow = _condition("steps.deploy.status == inputs.a and vars.b", roots=WORKFLOW_ROOTS)
    assert [use.dotted for use in workflow.paths] == ["steps.deploy.status", "inputs.a"]
    assert [word.name for word in workflow.unknown] == ["vars"]


def test_a_condition_proves_what_it_asks_about_and_what_stands_under_it_is_given_that() -> None:
    when = _condition("has_trait('packages.nginx') and vars.a is defined and not os_family('suse')")
    assert when.proves == {("traits", "packages", "nginx"), ("vars", "a")}
    assert [use.dotted for use in when.asked] == ["traits.packages.nginx"]
    inside = _template("{{ traits.packages.nginx }}{{ vars.a.b }}{{ vars.c }}", given=when.proves)
    assert _paths(inside) == {"traits.packages.nginx": True, "vars.a.b": True, "vars.c": False}


def test_what_an_expression_needs_to_be_evaluated_is_known() -> None:
    assert not _template("{{ vars.a ~ range(3)|sum }}").needs_host
    assert _template("{{ traits.os.family }}").needs_host
    assert _template("{{ traits.os.family }}").needs_traits
    assert _template("{{ os_family() }}").needs_traits
    assert _template("{{ file_exists('/a') }}").needs_host
    assert not _template("{{ file_exists('/a') }}").needs_traits
    assert _condition("hour_range(1, 2)").needs_clock
    assert not _condition("file_exists('/a')").needs_clock


def test_plain_data_is_analysed_string_by_string_with_the_keys_that_lead_there() -> None:
    value = {"a": ["x", "{{ vars.a }}", {"b": "{{ vars.b"}], "c": 1, "d": "{{ item.x }}"}
    found = list(analyse_value(value))
    assert [where for where, _ in found] == [("a", 1), ("a", 2, "b"), ("d",)]
    assert [len(analysis.problems) for _, analysis in found] == [0, 1, 0]


@pytest.mark.parametrize("text", [f"{{{{ {expression} }}}}" for expression in EXPRESSIONS] + list(TEMPLATES))
def test_what_is_found_sound_is_rendered_when_every_path_is_there(text: str) -> None:
    analysis = _template(text)
    assert analysis.problems == ()
    lacking = [use for use in analysis.paths if not use.guarded and _missing(SCOPE, use.path)]
    if not lacking and not analysis.unknown:
        Renderer().render(text, SCOPE)


@pytest.mark.parametrize("text", ESCAPES)
def test_what_the_renderer_refuses_before_it_runs_is_a_problem_here_too(text: str) -> None:
    try:
        Renderer().render(text, SCOPE)
    except ExpressionError as error:
        kind = error.kind
    analysis = _template(text)
    assert bool(analysis.problems) is (kind is Kind.SYNTAX) or analysis.unknown or analysis.paths


def _missing(value: Any, path: tuple[str | int, ...]) -> bool:
    for index, part in enumerate(path):
        if part == EACH:
            items = list(value.values()) if isinstance(value, dict) else value
            return any(_missing(item, path[index + 1 :]) for item in items)
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return True
    return False


def test_a_large_template_is_analysed_in_time_that_grows_with_its_length() -> None:
    line = "listen {{ vars.port }}; {% if traits.os.family == 'debian' %}name {{ vars.name|upper }};{% endif %}\n"

    def seconds(lines: int, note: int) -> float:
        started = time.process_time()
        assert len(_template(line * lines + f"{{# {note} #}}").paths) == 3 * lines
        return time.process_time() - started

    small = min(seconds(50, note) for note in range(5))
    large = min(seconds(800, note) for note in range(3))
    assert large < 60 * small


def test_traits_are_declared_for_what_the_functions_read() -> None:
    for path in ("os.family", "os.distro", "hardware.arch", "hardware.container"):
        info = lookup(path)
        assert info is not None
        assert info.always
