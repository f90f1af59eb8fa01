"""Matching: precedence, the index against a naive reading, and shadows that are true."""

from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import BadPattern, covers, parse


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            "web1.example.com",
            ["web1.example.com", "WEB1.Example.com"],
            ["web1.example.com.", "xweb1.example.com", "web1"],
        ),
        ("web*", ["web", "web1", "web1.a.b"], ["aweb", "we"]),
        ("*.example.com", ["a.example.com", "a.b.example.com", ".example.com"], ["example.com", "a.example.com.x"]),
        ("web*.prod.*", ["web1.prod.x", "web.prod."], ["web1.prodx", "web1prod.x"]),
        ("web?", ["web1", "web."], ["web", "web12"]),
        ("web[0-3]", ["web0", "web3"], ["web4", "webx"]),
        ("web[!0-3]", ["web4", "webx"], ["web0", "web"]),
        ("web[a-]x", ["weba" + "x", "web-x"], ["webbx"]),
        ("WEB*", ["web1", "WEB1"], ["xweb"]),
        ("*a*b*", ["ab", "xaybz"], ["ba", "a", "b"]),
        ("aa*a", ["aaa", "aaxa"], ["aa"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("*", ["", "anything.at.all"], []),
        ("/web\\d+/", ["web1", "WEB22"], ["web", "xweb1", "web1x"]),
        ("/(a|b)\\.x/", ["a.x", "B.X"], ["c.x", "a.xx"]),
        ("/.*/", ["x"], []),
    ],
)
def test_a_pattern_matches_whole_names_without_regard_to_case(pattern: str, yes: list[str], no: list[str]) -> None:
    matcher = Matcher([parse(pattern)])
    assert {name: matcher.match(name) for name in yes} == dict.fromkeys(yes, 0)
    assert {name: matcher.match(name) for name in no} == dict.fromkeys(no)


@pytest.mark.parametrize(
    "pattern",
    [
        "a b",
        "a/b",
        "web_1",
        "-a",
        "a-",
        "a..b",
        "x" * 64,
        "[",
        "web[",
        "web[]",
        "[_]",
        "a_*",
        "/(/",
        "/(?=a)/",
        "/a{2000}/",
        "/(a)\\1/",
    ],
)
def test_what_no_host_name_can_match_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        parse(pattern)


def test_an_exact_name_beats_a_glob_beats_an_expression() -> None:
    matcher = Matcher([parse(each) for each in ("/web1/", "/web.*/", "w*", "web*", "web1", "web1")])
    assert matcher.match("web1") == 4
    assert matcher.match("web2") == 2
    assert Matcher([parse("/web1/"), parse("/web.*/")]).match("web1") == 0
    assert Matcher([parse("/web1/"), parse("/web.*/")]).match("web2") == 1


letters = st.sampled_from("ab.1-")
names = st.text(letters, min_size=1, max_size=12)
globs = st.text(st.sampled_from("ab.1-*?"), min_size=1, max_size=10).filter(lambda text: "*" in text or "?" in text)
brackets = st.tuples(st.text(letters, max_size=4), st.sampled_from(["[ab]", "[!a]", "[1-9]", "[a-b.]"]), globs).map(
    "".join
)


@given(st.lists(globs | brackets, min_size=1, max_size=12), st.lists(names, min_size=1, max_size=8))
def test_the_index_finds_what_reading_every_pattern_finds(patterns: list[str], hosts: list[str]) -> None:
    matcher = Matcher([parse(each) for each in patterns])
    for host in hosts:
        naive = next((at for at, each in enumerate(patterns) if fnmatch.fnmatchcase(host, each)), None)
        assert matcher.match(host) == naive
    twice = [*hosts, *hosts]
    assert Matcher([parse(each) for each in patterns]).matches(twice) == [matcher.match(host) for host in twice]


@given(st.lists(globs | brackets, min_size=2, max_size=8), st.lists(names, min_size=1, max_size=20))
def test_a_shadowed_pattern_never_applies(patterns: list[str], hosts: list[str]) -> None:
    matcher = Matcher([parse(each) for each in patterns])
    shadowed = dict(matcher.shadows())
    applied = {matcher.match(host) for host in hosts}
    assert applied.isdisjoint(shadowed)
    for hidden, by in shadowed.items():
        assert by < hidden
        assert covers(matcher.patterns[by], matcher.patterns[hidden])


words = st.one_of(
    globs,
    brackets,
    names.filter(lambda text: text.strip("-.") == text and ".." not in text),
    st.sampled_from(["*", "/a.*/", "/b/"]),
)


def is_pattern(text: str) -> bool:
    try:
        parse(text)
    except BadPattern:
        return False
    return True


some = st.lists(words.filter(is_pattern), max_size=5)


@given(
    some,
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4), some), min_size=1, max_size=5),
    st.lists(names, max_size=6),
)
def test_a_matcher_that_was_changed_is_as_one_made_anew(
    first: list[str], changes: list[tuple[int, int, list[str]]], hosts: list[str]
) -> None:
    texts, matcher = first, Matcher([parse(each) for each in first])
    for start, count, fresh in changes:
        at = min(start, len(texts))
        texts = [*texts[:at], *fresh, *texts[at + count :]]
        before = (list(matcher.patterns), list(matcher.shadows()), [matcher.match(host) for host in hosts])
        changed = matcher.replaced(at, at + count, [parse(each) for each in fresh])
        assert before == (list(matcher.patterns), list(matcher.shadows()), [matcher.match(host) for host in hosts])
        matcher, anew = changed, Matcher([parse(each) for each in texts])
        assert [each.text for each in matcher.patterns] == [each.text for each in anew.patterns]
        assert list(matcher.shadows()) == list(anew.shadows())
        assert [matcher.match(host) for host in hosts] == [anew.match(host) for host in hosts]


def test_two_hundred_patterns_come_between_two_others() -> None:
    """Between two ranks there is room for forty."""
    matcher = Matcher([parse("a"), parse("z")])
    for number in range(200):
        matcher = matcher.replaced(1, 1, [parse(f"b{number}*")])
    assert matcher.match("b199x") == 1
    assert matcher.match("z") == 201


@given(globs | brackets, globs | brackets, names)
def test_what_covers_a_pattern_matches_all_that_it_matches(wide: str, narrow: str, host: str) -> None:
    if covers(parse(wide), parse(narrow)) and parse(narrow).matches(host):
        assert parse(wide).matches(host)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "web*", True),
        ("web*", "web1*", True),
        ("web1*", "web*", False),
        ("*.x", "a*.x", True),
        ("a*.x", "*.x", False),
        ("w?b*", "web*", True),
        ("[a-c]*", "b*", True),
        ("[a-c]*", "[ab]*", True),
        ("[ab]*", "[a-c]*", False),
        ("*", "/x/", True),
        ("/x/", "/x/", True),
        ("/X/", "/x/", False),
        ("a*", "/a.*/", False),
        ("*a*", "*ba*", True),
        ("aa*a", "aa", False),
        ("?*", "*", False),
        ("*", "?", True),
    ],
)
def test_covering_is_seen_in_the_texts(wide: str, narrow: str, expected: bool) -> None:
    assert covers(parse(wide), parse(narrow)) is expected


def test_equal_patterns_shadow_each_other_whatever_their_case() -> None:
    matcher = Matcher([parse(each) for each in ("web1", "WEB1", "a*", "A*", "/x/", "/x/", "*")])
    assert dict(matcher.shadows()) == {1: 0, 3: 2, 4: 6, 5: 4}


def test_ten_thousand_names_meet_a_thousand_globs_in_a_moment() -> None:
    patterns = [
        *(f"web{number}*.dc{number % 20}.example.com" for number in range(300)),
        *(f"*.app{number}.prod.example.com" for number in range(300)),
        *(f"*-db{number:03}-*" for number in range(300)),
        *(f"c?che{number}[0-9]*" for number in range(100)),
    ]
    hosts = [
        *(f"web{number % 400}a.dc{number % 30}.example.com" for number in range(4000)),
        *(f"h{number}.app{number % 500}.prod.example.com" for number in range(3000)),
        *(f"x{number}-db{number % 400:03}-y.example.com" for number in range(2000)),
        *(f"cache{number % 150}{number % 10}.example.com" for number in range(1000)),
    ]
    start = time.process_time()
    matcher = Matcher([parse(each) for each in patterns])
    found = [matcher.match(host) for host in hosts]
    spent = time.process_time() - start
    assert spent < 1.0  # some 0.1 s by itself; the machine is shared
    compiled = [re.compile(fnmatch.translate(each)) for each in patterns]
    for at in range(0, len(hosts), 97):
        assert found[at] == next((index for index, each in enumerate(compiled) if each.match(hosts[at])), None)


@pytest.mark.parametrize("pattern", ["*a" * 120 + "*", "/(a*)*b/", "/(a|aa)+$/", "*" * 900 + "a"])
def test_a_pattern_made_to_be_slow_is_not(pattern: str) -> None:
    matcher = Matcher([parse(pattern)])
    start = time.process_time()
    for number in range(50):
        matcher.match("a" * 240 + f".b{number}")
    assert time.process_time() - start < 1
