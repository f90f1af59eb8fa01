"""Whatever is asked, of whatever host: an answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import explanations
from reconciler.graph import Graph
from schema.explanations import Explanation, Presence
from tests.effort import tries
from tests.unit.reconciler.explanations.conftest import FILES, compiled

_PIECES = [
    *("nginx", "motd", "ssh", "port", "dns", "web", "base", "production", "vhosts", "unlisted", "telnet"),
    *("crate", "var", "role", "environment", "usercrate", "resource", "file", "path", "package", "directory"),
    *(
        ":",
        "/",
        "=",
        ".",
        "+",
        "[",
        "]",
        "*",
        "{{ item.name }}",
        "{{",
        "443",
        "true",
        "null",
        " ",
        "\x00",
        "é",
        "\ud800",
    ),
]
SUBJECTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join))
NAMES = st.one_of(
    st.sampled_from(["web01.example.com", "web02.example.com", "box.lab.example.com", "WEB01.Example.Com."]),
    st.text(max_size=40),
)
_LEAVES = st.dictionaries(st.sampled_from(["family", "container"]), st.text(max_size=5))
TRAITS = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["os", "hardware"]), st.one_of(st.none(), st.integers(), _LEAVES)),
)
COMPANY: Graph = compiled(FILES)


@settings(max_examples=tries(100))
@given(NAMES, SUBJECTS, TRAITS)
def test_every_question_has_an_answer(host: str, subject: str, traits: dict[str, object] | None) -> None:
    found = explanations.why(COMPANY, host, subject, traits=traits, known_hosts=["web09.example.com"])
    assert (found.presence is Presence.ABSENT) == (found.reason is not None)
    assert found.summary
    assert found.subject == subject
    Explanation.model_validate_json(found.model_copy(update={"subject": "", "name": "", "summary": "", "hostname": "", "hint": None}).model_dump_json())  # fmt: skip


@settings(max_examples=tries(35))
@given(NAMES, NAMES, TRAITS, TRAITS)
def test_any_two_hosts_can_be_compared(
    one: str, other: str, traits: dict[str, object] | None, others: dict[str, object] | None
) -> None:
    found = explanations.causes(explanations.Host(COMPANY, one, traits), explanations.Host(COMPANY, other, others))
    assert found.alike == (found.differences == 0) == (not found.causes)
