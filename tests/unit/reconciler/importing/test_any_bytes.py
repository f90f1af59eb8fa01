"""Whatever an inventory's bytes are, the import ends: with a proposal that compiles, or with a refusal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.importing import fitting
from reconciler.importing.proposals import ImportRefused
from tests.effort import tries
from tests.unit.reconciler.importing.inventories import proposed

NAMES = st.sampled_from(["hosts", "hosts.ini", "hosts.yml", "hosts.json", "inventory.sh"])
WORDS = st.sampled_from(
    [
        "[web]",
        "[web:vars]",
        "[web:children]",
        "[all:vars]",
        "[db]",
        "web",
        "db",
        "h[1:3]",
        "h1",
        "a=1",
        "b = {'x': [1]}",
        "c='q",
        "x: 1",
        "all:",
        "  hosts:",
        "    h1:",
        "    h2: {a: 1}",
        "  vars:",
        "    <<: *a",
        "  &a",
        "*a",
        "- x",
        "{",
        "}",
        "[",
        "]",
        '{"web": ["h1"]}',
        '{"_meta": {"hostvars": {"h": {"a": null}}}}',
        '"',
        "'",
        "#",
        "!vault x",
        "!!set {a}",
        "\t",
        "\x00",
        "é",
        ":",
        "---",
        "h:22",
        "[a:b]",
        "a+=1",
        "ansible_group_priority=2",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=12).map("\n".join)
TEXTS = st.one_of(st.binary(max_size=200), LINES.map(str.encode), st.text(max_size=200).map(str.encode))


@settings(max_examples=tries(90))
@given(text=TEXTS, name=NAMES, vars_=TEXTS, vars_name=st.sampled_from(["all", "web.yml", "h1.json"]))
def test_any_inventory_ends_in_a_proposal_or_a_refusal(text: bytes, name: str, vars_: bytes, vars_name: str) -> None:
    try:
        proposal = proposed(text, name, beside={f"group_vars/{vars_name}": vars_, f"host_vars/{vars_name}": vars_})
    except ImportRefused:
        return
    fitted = fitting.fit(proposal, None)
    assert fitted.valid, fitted.diagnostics
    assert not [note for note in proposal.notes.listed() if note.about.startswith("var ")]
