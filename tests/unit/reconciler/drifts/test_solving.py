"""What a host has is turned round to the one value that was meant: whatever the template does with it on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph, repository
from reconciler.authoring.trees import Overlaid
from reconciler.drifts.saying import Facts, Speaker, linked_of, written_in
from reconciler.drifts.solving import MAX_STEPS, Solution, Unsolved, matches, solve
from schema.expressions import Allowance
from tests.effort import tries

VARS: Mapping[str, Any] = {
    "port": 80,
    "user": "www",
    "site": {"name": "a.example.com", "on": True},
    "list": [1, 2],
    "servers": ["a", "b"],
    "hosts": [{"name": "one", "port": 1}, {"name": "two", "port": 2}],
    "twice": "www",
    "off": False,
}
EMPTY: Mapping[str, str] = {
    "vigo.vgo": "language: 1\n",
    "hosts.vgo": 'envoys: [{match: "*", configcrates: [web]}]\n',
    "configcrates/web.vgo": "name: web\nresources: []\n",
}


class Bench:
    """Compiles configs of one resource."""

    def __init__(self, folder: Path) -> None:
        for name, text in EMPTY.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        self.tree = repository.directory(folder)
        self.cache = graph.Cache()

    def speaker(self, vars_: Mapping[str, Any], **resource: Any) -> Speaker:
        crate = {"name": "web", "resources": [{"name": "x", "type": "file", "path": "/x", **resource}]}
        files = {"configcrates/web.vgo": json.dumps(crate).encode(), "common.vgo": json.dumps({"vars": vars_}).encode()}
        compiled = graph.compile_tree(Overlaid(self.tree, files), self.cache)
        assert compiled.graph is not None, compiled.diagnostics
        linked, written = linked_of(compiled.graph, "web"), written_in(compiled.graph, "web", "web/x")
        profile = compiled.graph.match("web01")
        assert linked is not None
        assert written is not None
        assert profile is not None
        return Speaker(written, linked, profile, Facts(), "web01")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("config"))


def solved_by(speaker: Speaker, found: str, mark: str = "") -> Solution:
    return solve(speaker, speaker.inputs, "content", mark, found, Allowance(MAX_STEPS))


def solved(bench: Bench, text: str, found: str, vars_: Mapping[str, Any] = VARS) -> Solution:
    speaker = bench.speaker(vars_, content=text)
    return solved_by(speaker, found)


LOOP = "{% for one in vars.servers %}server {{ one }}\n{% endfor %}"
MAPS = "{% for h in vars.hosts if h.port > 0 %}{{ h.name }}:{{ h.port }}\n{% endfor %}"
TLS = "{% if vars.site.on %}ssl on;{% else %}ssl off;{% endif %} listen {{ vars.port }};"


@pytest.mark.parametrize(
    ("text", "found", "path", "value"),
    [
        ("{% if vars.port < 1024 %}low {% endif %}{{ vars.port }}", "low 90", ("port",), 90),
        ("{% if vars.port < 1024 %}low {% endif %}{{ vars.port }}", "8080", ("port",), 8080),
        ("{{ vars.port }}/{{ vars.list[0] }}{{ vars.user }}1", "81/1www1", ("port",), 81),
        ("listen {{ vars.port }};", "listen 8080;", ("port",), 8080),
        ("{{ vars.site.name }}", "b.example.com", ("site", "name"), "b.example.com"),
        ("a {{ vars.port }} b {{vars.port}} c", "a 443 b 443 c", ("port",), 443),
        ("{{ vars.user }}:{{ vars.port }}", "www:81", ("port",), 81),
        ("{{ vars.user }}:{{ vars.port }}", "root:80", ("user",), "root"),
        ("{% if vars.off %}x{% endif %}{{ vars.user | default('y') }}", "root", ("user",), "root"),
        (TLS, "ssl off; listen 80;", ("site", "on"), False),
        (TLS, "ssl on; listen 81;", ("port",), 81),
        (LOOP, "server a\nserver c\n", ("servers",), ["a", "c"]),
        (LOOP, "server a\nserver b\nserver c\n", ("servers",), ["a", "b", "c"]),
        (LOOP, "server c\nserver a\nserver b\n", ("servers",), ["c", "a", "b"]),
        (LOOP, "server b\n", ("servers",), ["b"]),
        ("{{ vars.servers | join(',') }}", "a,z,b", ("servers",), ["a", "z", "b"]),
        ("{{ vars.list | join(',') }}", "1,2,3", ("list",), [1, 2, 3]),
        (MAPS, "one:1\ntwo:22\n", ("hosts",), [{"name": "one", "port": 1}, {"name": "two", "port": 22}]),
        (MAPS, "two:2\n", ("hosts",), [{"name": "two", "port": 2}]),
    ],
)
def test_it_is_solved_for_the_one_value_that_was_meant(
    bench: Bench, text: str, found: str, path: tuple[str, ...], value: Any
) -> None:
    solution = solved(bench, text, found)
    assert (solution.root, solution.path, solution.edit.value) == ("vars", path, value)
    assert type(solution.edit.value) is type(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a {{ vars.port }} b {{ vars.port }} c", "a 443 b 80 c"),
        ("{{ vars.user }}:{{ vars.port }}", "root:81"),
        ("{{ vars.port }}.", "eighty."),
        ("{{ vars.port }}.", "080."),
        ("{{ vars.user }}.", "."),
        ("{{ vars.user }}", "{{ vars.port }}"),
        ("{{ vars.user }}", "secret:db/root"),
        ("{{ vars.user | upper }}", "ROOT"),
        ("{{ vars.port + 1 }}", "90"),
        ("{{ vars.servers | sort | join(',') }}{{ vars.off }}", "b,aFalse"),
        (LOOP, "server a\nserver b\nserver c\nserver d\n"),
        (MAPS, "one:1\ntwo:2\nthree:3\n"),
        ("{{ host.hostname }} {{ traits.os.family }}", "web01 debian"),
        ("{{ 'x' if file_exists('/x') else vars.user }}", "root"),
    ],
)
def test_what_cannot_be_turned_round_is_not_guessed(bench: Bench, text: str, found: str) -> None:
    with pytest.raises(Unsolved, match="no single one of them"):
        solved(bench, text, found)


def test_where_two_could_be_meant_neither_is(bench: Bench) -> None:
    text = "{{ 'x' if vars.off or not vars.site.on else 'y' }}"
    with pytest.raises(Unsolved, match=r"more than one way, and none is guessed: vars\.off, vars\.site\.on"):
        solved(bench, text, "x")


def test_of_one_list_too_neither_of_two_is_guessed(bench: Bench) -> None:
    vars_ = {"hosts": [{"name": "a", "alias": "a"}, {"name": "b", "alias": "b"}]}
    text = "{% for h in vars.hosts %}{{ h.name if h.name != 'a' else h.alias }} {% endfor %}"
    assert solved(bench, text, "a c ", vars_).edit.value == [vars_["hosts"][0], {"name": "c", "alias": "b"}]
    with pytest.raises(Unsolved, match=r"none is guessed: vars\.hosts"):
        solved(bench, text, "c b ", vars_)


def test_of_a_foreach_the_item_is_changed_and_no_other(bench: Bench) -> None:
    speaker = bench.speaker(VARS, foreach="vars.hosts", path="/etc/{{ item.name }}", content="port {{ item.port }}\n")
    solution = solved_by(speaker, "port 7\n", "[1]")
    assert (solution.path, solution.edit.value) == (("hosts",), [VARS["hosts"][0], {"name": "two", "port": 7}])
    literal = bench.speaker({}, foreach=["a", "b"], path="/etc/{{ item }}", content="{{ item }}!\n")
    solution = solved_by(literal, "c!\n", "[0]")
    assert (solution.root, solution.inputs.foreach) == ("foreach", ["c", "b"])


def test_more_than_there_is_time_for_is_not_tried(bench: Bench) -> None:
    many = {f"v{n}": "x" for n in range(401)}
    text = "{% for one in vars %}{{ one }}{% endfor %}"
    with pytest.raises(Unsolved, match="more than 400"):
        solved(bench, text, "y", many)
    slow = "{% for a in range(900) %}{% for b in range(400) %}{% endfor %}{% endfor %}{{ vars.servers | join }}"
    with pytest.raises(Unsolved, match="takes too long"):
        solved(bench, slow, "yz", {"servers": ["a"] * 90})


def test_what_is_rendered_matches_what_was_found_by_its_kind() -> None:
    assert matches("mode", "0644", "644")
    assert matches("value", 10, "10")
    assert matches("members", ["b", "a"], ["a", "b"])
    assert matches("groups", "a", ["a"])
    assert not matches("options", ["b", "a"], ["a", "b"])
    assert not matches("enabled", "true", value=True)
    assert not matches("value", True, "True")
    assert not matches("value", ["a"], "a")


@settings(max_examples=tries(15))
@given(
    st.lists(st.tuples(st.text("ab%\n", max_size=4), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=5),
    st.text("ab \n", max_size=4),
    st.fixed_dictionaries({name: st.integers(-99, 99) | st.text("abc1", min_size=1, max_size=4) for name in "xyz"}),
    st.sampled_from("xyz"),
    st.integers(-99, 99) | st.text("abc1", min_size=1, max_size=4),
)
def test_a_solution_is_never_a_wrong_one(
    bench: Bench, pieces: list[tuple[str, str]], end: str, vars_: dict[str, Any], name: str, value: Any
) -> None:
    text = "".join(f"{before}{{{{ vars.{var} }}}}" for before, var in pieces) + end
    before, after = (bench.speaker(each, content=text) for each in (vars_, vars_ | {name: value}))
    found = after.attribute("content", "", after.inputs)
    now = before.attribute("content", "", before.inputs)
    if found == now:
        return
    try:
        solution = solved_by(before, found)
    except Unsolved:
        assert type(value) is not type(vars_[name]) or len({var for _, var in pieces}) > 1
        return
    made = vars_ | {solution.path[0]: solution.edit.value}
    again = bench.speaker(made, content=text)
    assert again.attribute("content", "", again.inputs) == found
    assert type(solution.edit.value) is type(vars_[solution.path[0]])
