"""Which patterns can have a host in common: never told apart where one host would match both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.graph.patterns import BadPattern, Pattern, parse
from reconciler.graph.selecting import overlap

PAIRS = [
    ("web*.prod.example.com", "*.prod.example.com", True),
    ("web*.prod.x", "db*.prod.x", False),
    ("web*", "*.prod", True),
    ("w?b", "web", True),
    ("w[ab]*", "wb", True),
    ("w[a-c]b", "w[d-f]b", False),
    ("w[a-c]b", "w?b", True),
    ("*a", "*b", False),
    ("*a*", "*b", True),
    ("*", "*", True),
    ("ab*", "a", False),
    ("*.prod.example.com", r"/worker0[1-6]\.prod\.example\.com/", True),
    ("*.lab.example.com", r"/worker0[1-6]\.prod\.example\.com/", False),
    ("web*", r"/worker0[1-6]\.prod/", False),
    ("wor*", r"/worker?s\.prod/", True),
    ("works*", r"/worker*s\.prod/", False),
    ("*.lab", r"/a|b\.prod/", True),
    ("*.lab", r"/(a|b)\.prod/", False),
    ("*.lab", r"/^(a|b)\.prod$/", False),
    ("*.lab", r"/[|]\.prod/", False),
    ("*.lab", r"/a\x2eprod/", True),
    ("a.x.lab", r"/a\.x\.lab/", True),
    ("b.x.lab", r"/a\.x\.lab/", False),
    (r"/web.*\.prod/", r"/.*\.lab/", False),
    (r"/web.*/", r"/.*\.lab/", True),
]


@pytest.mark.parametrize(("one", "other", "together"), PAIRS)
def test_patterns_that_share_a_host_are_found(one: str, other: str, together: bool) -> None:
    assert overlap(parse(one), parse(other)) is together
    assert overlap(parse(other), parse(one)) is together


def _pattern(text: str) -> Pattern | None:
    try:
        return parse(text)
    except BadPattern:
        return None


_globs = st.text("ab*?", min_size=1, max_size=8)
_regexes = st.text("ab.*+?|()[]\\-", max_size=8).map(lambda text: f"/{text}/")


@given(_globs | _regexes, _globs | _regexes, st.lists(st.text("ab-.", min_size=1, max_size=6), max_size=20))
def test_no_host_of_both_is_ever_overlooked(one: str, other: str, names: list[str]) -> None:
    first, second = _pattern(one), _pattern(other)
    if first is None or second is None:
        return
    for name in names:
        if first.matches(name) and second.matches(name):
            assert overlap(first, second), name
