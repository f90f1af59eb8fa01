"""Analyses: templates of plain paths, which are read in a quick way, are read as all others are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expressions import MAX_PLAIN, RESOURCE_ROOTS, PathUse, Word, analyse

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


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join))
def test_a_comment_behind_a_template_changes_nothing(text: str) -> None:
    behind = "\n{# which no template of plain paths has #}"
    found = analyse(text, template=True)
    assert found.problems or found == analyse(text + behind, template=True)


def test_paths_have_the_places_of_their_last_keys() -> None:
    found = analyse("a\n  {{ vars.b.c }} {{ host }}\n{{item.d}}", template=True)
    assert found.paths == (
        PathUse(("vars", "b", "c"), 2, 13),
        PathUse(("host",), 2, 21),
        PathUse(("item", "d"), 3, 8),
    )


@pytest.mark.parametrize("count", [MAX_PLAIN, MAX_PLAIN + 1])
def test_many_paths_are_read_as_few_are(count: int) -> None:
    found = analyse("{{ vars.a }}\n" * count, template=True)
    assert found.paths == tuple(PathUse(("vars", "a"), line, 9) for line in range(1, count + 1))


def test_a_name_that_is_no_root_is_unknown() -> None:
    assert analyse("{{ item.a }}", template=True, roots=RESOURCE_ROOTS - {"item"}).unknown == (Word("item", 1, 4),)
