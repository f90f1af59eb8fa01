"""The canonical layout: one way to write a document, twice the same, never another meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents import formatting
from reconciler.documents.compose import compose
from reconciler.documents.kinds import Kind, place
from tests.bench import generate
from tests.effort import tries

REPO = Path(__file__).parents[4] / "examples" / "repo"
FILES = sorted(REPO.rglob("*.vgo"))


def canonical(text: str, kind: Kind = Kind.CONFIGCRATE) -> str:
    return formatting.canonical(text.encode(), kind).decode()


def held(source: bytes, kind: Kind) -> None:
    """What is true of every layout."""
    written = formatting.canonical(source, kind)
    assert compose(written).data == compose(source).data
    assert formatting.canonical(written, kind) == written
    assert written.endswith(b"\n")
    assert not written.endswith(b"\n\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_every_file_of_the_example_has_a_layout_that_stays(path: Path) -> None:
    kind = place(str(path.relative_to(REPO)))

    assert isinstance(kind, Kind)
    held(path.read_bytes(), kind)


def test_every_file_of_a_generated_repository_has_a_layout_that_stays() -> None:
    for path, content in generate.files_of(files=60, hosts=100).files.items():
        kind = place(path)
        if isinstance(kind, Kind):
            held(content, kind)


def test_keys_go_with_their_comments_and_every_level_is_two_spaces() -> None:
    text = """\

# about the file


resources:
    # first
    -   type: file   # kind
        # its name
        name: a
        path:   /etc/a
        # tail of a


    # second
    -   path: /x
        content: |
           # no comment

        # why
        type: file
        foreach:
        - b
        -   c: 1
            # in
            d: 2
# about the name
name:   x
# the end

"""
    assert (
        canonical(text)
        == """\
# about the file

# about the name
name: x
resources:
  # first
  # its name
  - name: a
    type: file       # kind
    path: /etc/a
    # tail of a

  # second
  # why
  - type: file
    foreach:
      - b
      - c: 1
        # in
        d: 2

    path: /x
    content: |
      # no comment
# the end
"""
    )


def test_keys_of_data_stay_in_the_order_they_were_written_in() -> None:
    assert canonical("vars:\n  z: 1\n  a: {y: 1, b: 2}\nname: x\n") == "name: x\nvars:\n  z: 1\n  a: {y: 1, b: 2}\n"


def test_match_blocks_roles_and_steps_are_ordered_too() -> None:
    assert canonical("envoys:\n- roles: [a]\n  match: b\n", Kind.LEAF) == "envoys:\n  - match: b\n    roles: [a]\n"
    assert canonical("roles:\n  b:\n    vars: {}\n    includes: a\n", Kind.ROLES) == (
        "roles:\n  b:\n    includes: a\n    vars: {}\n"
    )
    assert canonical("steps:\n- task: a\n  name: b\nname: c\n", Kind.WORKFLOW) == (
        "name: c\nsteps:\n  - name: b\n    task: a\n"
    )


def test_a_key_that_the_model_does_not_have_goes_last() -> None:
    assert canonical("colour: red\nname: x\n") == "name: x\ncolour: red\n"


def test_a_map_of_one_key_keeps_its_braces() -> None:
    text = "tests:\n  - name: a\n    match: '*'\n    expect: {vars: {a: {contains: [{port: 80}, {port: 443}, []]}}}\n"

    assert canonical(text, Kind.TESTS) == text
    assert canonical("a: [b: c]\n") == "a: [{b: c}]\n"


def test_keys_of_tests_are_ordered_and_the_names_of_vars_are_not() -> None:
    text = "tests:\n- expect:\n    vars: {z: 1, a: 2}\n    environment: lab\n  traits: {os: {family: a}}\n  hosts: a.x\n  name: a\n"

    assert canonical(text, Kind.TESTS) == (
        "tests:\n  - name: a\n    hosts: a.x\n    traits: {os: {family: a}}\n"
        "    expect:\n      environment: lab\n      vars: {z: 1, a: 2}\n"
    )


def test_an_alias_never_comes_before_its_anchor() -> None:
    text = "vars: &all {a: 1}\nname: x\ndefaults: *all\n"

    assert canonical(text) == text


@pytest.mark.parametrize(
    "text",
    [
        'name: x\ndescription: "a  \\\n  b"\n',
        "name: x\ndescription: |+\n  a  \n\n\n",
        "name: x\ndescription: >-\n  a\n\n  # b\n",
        "name: x\nvars: {a: 0o17, b: 1e3, c: 2026-01-01, d: yes, e: ~, f: 0x1F, g: 1.50, h: ''}\n",
        "name: x\r\nvars:\r\n    a: 1\r\n",
        "--- # start\nname: x\n...\n",
    ],
)
def test_what_a_text_says_is_kept_to_the_last_blank(text: str) -> None:
    try:
        held(text.encode(), Kind.CONFIGCRATE)
    except formatting.NotFormattable:
        assert text.startswith("---")  # the loader drops that comment, so the file stays as it is


@pytest.mark.parametrize("text", ["name: [\n", "name: a\nname: b\n", "a: 1\n---\nb: 2\n", ""])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(formatting.NotFormattable):
        canonical(text)


WORDS = st.text(st.sampled_from("ab #:-'\"{}[]|>\n\té\u2028\xa0"), max_size=12)
DATA = st.recursive(
    WORDS | st.booleans() | st.none() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=tries(20))
@given(
    st.permutations(["name", "vars", "description", "depends_on", "compliance", "resources"]),
    DATA,
    st.booleans() | st.none(),
    st.integers(2, 6),
)
def test_any_data_in_any_layout_keeps_its_meaning(
    keys: list[str], data: object, flow: bool | None, indent: int
) -> None:
    resource = {"path": "/a", "notify": ["b"], "content": data, "type": "file", "name": "a"}
    document = dict.fromkeys(keys, data) | {"name": "x", "resources": [resource, resource | {"name": "b"}]}
    source = yaml.dump(document, Dumper=NoAliases, default_flow_style=flow, indent=indent, sort_keys=False)
    if compose(source.encode()).complaints:
        return
    try:
        held(source.encode(), Kind.CONFIGCRATE)
    except formatting.NotFormattable:
        return


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True
