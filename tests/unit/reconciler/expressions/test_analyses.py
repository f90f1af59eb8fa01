"""Analyses: plain templates, which are read without a parser, are read as all others are."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expressions import RESOURCE_ROOTS, Path, PathUse, Word, analyse, plain
from reconciler.expressions.plain import MAX_TAGS

PIECES = (
    *(
        "{{ vars.a }}",
        "{{vars.a.b}}",
        "{{ item }}",
        "{{ host.x_y.z }}",
        "{{ vars.a.b\n}}",
        "{{ vars . a }}",
        "{{ foo }}",
    ),
    *(
        "{{ vars.__a }}",
        "{{ vars._a }}",
        "{{- vars.a }}",
        "{{ vars.a -}}",
        "{{ vars.a|d }}",
        "{{ true }}",
        "{{ in.a }}",
    ),
    *(
        "{{ vars.in }}",
        "{{ None }}",
        "{{ vars.a.0 }}",
        "{{ loop.index }}",
        "{% if vars.a %}",
        "{# c #}",
        "{%",
        "{{",
        "}}",
    ),
    *("{", "}", "\n", "\r\n", " x ", "é", "\u2028"),
)
FILTERED = (
    *("{{ vars.a.b | default(8000) }}", "{{ vars.a|d('x') }}", "{{vars.a|default}}", "{{ item.b | default() }}"),
    *("{{ a.b | d([]) }}", "{{ vars.a | default(vars.b) }}", "{{ vars.a | upper }}", "{{ vars.a | default(01) }}"),
    *('{{ vars.a | d("}}") }}', "{{ vars.a | d('{') }}", "{{ vars.a | d('x', true) }}", "{{ vars.a | default_x }}"),
)
OPENING = (
    *("{% for a in vars.a %}", "{%- for b in a.x -%}", "{% for vars in vars.b.c %}", "{% for c in item %}"),
    *("{% for loop in vars.a %}", "{% for in in vars.a %}", "{% for a, b in vars.a %}", "{% for a in vars.a if a.b %}"),
    *("{% if vars.a %}", "{% if vars.a.b is defined %}", "{% if a.x %}", "{% if a is defined %}", "{%if vars.a%}"),
    *("{% if vars.a == 'x' %}", "{% if a.x!=1 %}", "{% if not vars.a %}", "{% if vars.a == vars.b %}", "{% if true %}"),
    *("{% if vars.a | default(false) %}", "{% set a = vars.b %}", "{% if loop.first %}"),
)
BETWEEN = ("{% else %}", "{% elif vars.b %}")
CLOSING = ("{% endfor %}", "{% endif %}", "{%- endif +%}", "{%endfor%}")
INNER = ("{{ a }}", "{{ a.x.y }}", "{{ vars.a.x }}", "{{ vars.a.b.c }}", "{{ a.x | d(1) }}", "{{ b }}")


_INSIDE: Final = (*FILTERED, *INNER, "{{ vars.a }}", "{{ host.x }}", "\n", " x ")


@st.composite
def nested(draw: st.DrawFn, depth: int = 0) -> str:
    """Templates of which most tags are closed by what closes them."""
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        if depth < 3 and draw(st.booleans()):
            opening = draw(st.sampled_from(OPENING))
            closing = "{% endfor %}" if "for" in opening else "{% endif %}"
            between = draw(st.sampled_from(["", "", *BETWEEN]))
            parts += [opening, draw(nested(depth + 1)), between, draw(nested(depth + 1)), closing]
        else:
            parts.append(draw(st.sampled_from(_INSIDE)))
    return "".join(parts)


ANY_ORDER = st.lists(
    st.sampled_from([*PIECES, *FILTERED, *OPENING, *BETWEEN, *CLOSING, *INNER]), min_size=1, max_size=6
)
GIVEN = st.sets(st.sampled_from([("vars", "a"), ("vars", "a", "x"), ("vars", "b"), ("item", "b"), ("host",)]))


@given(ANY_ORDER.map("".join) | nested(), GIVEN.map(frozenset))
def test_a_comment_behind_a_template_changes_nothing(text: str, known: frozenset[Path]) -> None:
    behind = "\n{# which no plain template has #}"
    found = analyse(text, template=True, given=known)
    assert found.problems or found == analyse(text + behind, template=True, given=known)


@pytest.mark.parametrize(
    "text",
    [
        "{{ vars.a | default(8000) }}",
        "{% for a in vars.b %}{{ a.x }}{% endfor %}",
        "{% if vars.a.b is defined %}{{ vars.a.b.c }}{% else %}{{ vars.c }}{% endif %}",
        "{% if vars.a == 'x' %}{% for a in vars.a %}{% if a.b %}{{ a.b.c }}{% endif %}{% endfor %}{% endif %}",
    ],
)
def test_what_most_templates_ask_is_read_without_a_parser(text: str) -> None:
    found = plain.analyse(text, RESOURCE_ROOTS, frozenset())
    assert found is not None
    assert found == analyse(text + "\n{# #}", template=True)


def test_paths_have_the_places_of_their_last_keys() -> None:
    found = analyse("a\n  {{ vars.b.c }} {{ host }}\n{{item.d}}", template=True)
    assert found.paths == (
        PathUse(("vars", "b", "c"), 2, 13),
        PathUse(("host",), 2, 21),
        PathUse(("item", "d"), 3, 8),
    )


@pytest.mark.parametrize("count", [MAX_TAGS, MAX_TAGS + 1])
def test_many_paths_are_read_as_few_are(count: int) -> None:
    found = analyse("{{ vars.a }}\n" * count, template=True)
    assert found.paths == tuple(PathUse(("vars", "a"), line, 9) for line in range(1, count + 1))


def test_a_name_that_is_no_root_is_unknown() -> None:
    assert analyse("{{ item.a }}", template=True, roots=RESOURCE_ROOTS - {"item"}).unknown == (Word("item", 1, 4),)
