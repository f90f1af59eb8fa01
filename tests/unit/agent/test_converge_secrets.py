"""Secrets reach the host and nothing else: not a report, not a log, not a journal, not an argument."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.binding import Binding
from agent.journal import FILE, Journal
from agent.masking import Mask
from schema.expressions import Renderer
from schema.protocol.reports import Outcome
from schema.secrets import MASK, UnknownSecret
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, by_id, only, outcomes

SECRET = "s3cr&t <p\"w>'{{ 7*7 }}"
OLD = "yesterdays-password"


def file(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", **attributes}


def content(fleet: Fleet, path: str) -> str:
    text: str = machines.describe(fleet.host, path)["content"]
    return text


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(machines.machine({}, programs.ALL))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("secret:db/pw", SECRET),
        ("password=secret:db/pw;", f"password={SECRET};"),
        ("{{ vars.x }} secret:db/pw", f"1 {SECRET}"),
        ("{{ vars.pw }}", SECRET),
        ("url=db://app:{{ vars.pw | urlencode }}@host", f"url=db://app:{quote(SECRET)}@host"),
        ("{{ vars.pw | b64encode }}", base64.b64encode(SECRET.encode()).decode()),
        ("{{ 'secret:db/pw' | b64encode }}", base64.b64encode(SECRET.encode()).decode()),
        ("{{ 'x secret:db/pw y' | upper }}", f"x {SECRET} y".upper()),
        ("{% if vars.x %}secret:db/pw{% endif %}", SECRET),
        ("{{ vars.pw | sha256 }}", hashlib.sha256(SECRET.encode()).hexdigest()),
        ("{{ vars | to_json }}", json.dumps({"pw": SECRET, "x": 1}, separators=(",", ":"))),
    ],
)
def test_a_secret_gets_in_wherever_it_is_named_and_is_masked(fleet: Fleet, written: str, expected: str) -> None:
    desired = state(
        crate("web", [file("a", content=written)], vars={"pw": "secret:db/pw", "x": 1}), secrets={"db/pw": SECRET}
    )
    shown = fleet.run(desired, dry_run=True)
    report = fleet.run(desired)
    got = content(fleet, "/a")
    if "to_json" in written:
        assert json.loads(got) == {"pw": SECRET, "x": 1}
    else:
        assert got == expected
    for text in (shown.model_dump_json(), report.model_dump_json()):
        for form in (SECRET, SECRET.upper(), quote(SECRET), expected, json.dumps(SECRET)[1:-1]):
            assert form not in text
        assert MASK in text
    assert outcomes(fleet.run(desired)) == {"web/a": "unchanged"}


def test_a_template_with_a_secret_is_masked_in_source_and_diff(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file("a", source="templates/a.j2")]),
        content={"templates/a.j2": "user={{ host.hostname }}\npw=secret:db/pw\n"},
        secrets={"db/pw": SECRET},
    )
    report = fleet.run(desired)
    assert content(fleet, "/a") == f"user=web01.example.com\npw={SECRET}\n"
    assert only(report).diff == (
        f"state: absent → file\ncontent:\n@@ -0,0 +1,2 @@\n+user=web01.example.com\n+pw={MASK}"
    )


def test_what_a_secret_replaces_is_not_shown(fleet: Fleet) -> None:
    machines._plant(fleet.host, "/a", f"a\npw={OLD}\n")
    desired = state(
        crate("web", [file("a", content="a\npw={{ vars.pw }}\n")], vars={"pw": "secret:pw"}), secrets={"pw": SECRET}
    )
    assert only(fleet.run(desired)).diff == f"content:\n@@ -1,2 +1,2 @@\n a\n-{MASK}\n+pw={MASK}"


def test_a_value_of_the_host_is_no_reference(fleet: Fleet) -> None:
    fleet.traits = {"evil": "secret:db/pw {{ vars.pw }}"}
    desired = state(
        crate("web", [file("a", content="{{ traits.evil }} secret:db/pw")], vars={"pw": "secret:db/pw"}),
        secrets={"db/pw": SECRET},
    )
    fleet.run(desired)
    assert content(fleet, "/a") == f"secret:db/pw {{{{ vars.pw }}}} {SECRET}"


def test_a_secret_that_is_not_at_hand_fails_what_needs_it_and_nothing_else(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                file("a", content="secret:gone"),
                file("b", content="{{ vars.pw }}"),
                file("c", content="{{ vars.other }}"),
                file("d", content="{{ vars | to_json }}"),
                file("e", source="templates/e.j2"),
                file("f", foreach="vars.list", path="/f{{ item }}", content="x"),
                file("g", content="nothing"),
            ],
            vars={"pw": {"deep": ["secret:gone"]}, "other": "text", "list": ["secret:gone"]},
        ),
        content={"templates/e.j2": "secret:gone"},
    )
    report = fleet.run(desired)
    assert outcomes(report) == {
        "web/a": "failed",
        "web/b": "failed",
        "web/c": "changed",
        "web/d": "failed",
        "web/e": "failed",
        "web/f": "failed",
        "web/g": "changed",
    }
    for name in "abdef":
        assert by_id(report, f"web/{name}").error == "the value of secret:gone is not at hand"


def test_a_secret_too_short_to_be_masked_hides_the_whole_diff(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file("a", content="pin=secret:pin\n"), file("b", content="12\n")]), secrets={"pin": "12"}
    )
    report = fleet.run(desired)
    assert by_id(report, "web/a").diff == "(not shown: it may hold a secret too short to be masked)"
    assert by_id(report, "web/b").diff.endswith("+12")


def test_errors_and_commands_are_masked_and_no_argument_holds_a_secret(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                {"name": "x", "type": "exec", "command": "act secret:pw fails", "creates": "/x"},
                {"name": "u", "type": "user", "user": "web", "password_hash": "secret:hash"},
            ],
        ),
        secrets={"pw": "hunter2hunter2", "hash": "$6$abcdefgh"},
    )
    report = fleet.run(desired)
    assert by_id(report, "web/x").diff == f"command: (none) → act {MASK} fails"
    assert by_id(report, "web/u").outcome is Outcome.CHANGED
    assert "hunter2" not in report.model_dump_json()
    assert "abcdefgh" not in report.model_dump_json()
    assert not any("hunter2" in word or "abcdefgh" in word for run in fleet.host.runs for word in run)
    assert programs.scripts(fleet.host) == ["act hunter2hunter2 fails"]


def test_the_journal_holds_no_secret_and_knows_when_one_has_changed(tmp_path: Path) -> None:
    fleet = Fleet(machines.machine({}), Journal(tmp_path))
    resources = [file("a", content="pin=secret:pin\n")]
    first = state(crate("web", resources), secrets={"pin": "4711"})
    fleet.run(first)
    second = state(crate("web", resources), secrets={"pin": "4712"}, generation=2)
    assert only(fleet.run(second)).changed
    text = (tmp_path / FILE).read_text()
    assert "4711" not in text
    for guess in range(4000, 5000):
        digest = hashlib.sha256(f"pin={guess}\n".encode()).hexdigest()
        assert digest[:32] not in text
    fleet.journal.close()


def test_a_rotated_secret_is_no_drift(fleet: Fleet) -> None:
    resources = [file("a", content="secret:pw")]
    fleet.run(state(crate("web", resources), secrets={"pw": "first-value"}))
    report = fleet.run(state(crate("web", resources), secrets={"pw": "second-value"}, generation=2))
    assert (only(report).changed, only(report).corrective) == (True, False)


def test_a_secret_is_never_rendered(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [file("a", content="{{ vars.pw }}|secret:pw|{% raw %}secret:pw{% endraw %}")],
            vars={"pw": "secret:pw"},
        ),
        secrets={"pw": "{{ 7 * 7 }}{% for"},
    )
    fleet.run(desired)
    assert content(fleet, "/a") == "|".join(["{{ 7 * 7 }}{% for"] * 3)


# the parts


@given(value=st.text(min_size=4, max_size=40), before=st.text(max_size=5), after=st.text(max_size=5))
def test_base64_of_a_secret_is_masked_at_any_offset(value: str, before: str, after: str) -> None:
    if value != value.strip() or "\n" in value or any(0xD800 <= ord(char) < 0xE000 for char in value + before + after):
        return
    mask = Mask({"x": value})
    whole = base64.b64encode((before + value + after).encode()).decode()
    masked = mask(whole)
    if len(value.encode()) >= 8:
        assert MASK in masked
    for form in (value, quote(value, safe=""), json.dumps(value)):
        masked = mask(f"<{form}>")
        assert value not in masked
        assert MASK in masked


def test_lines_of_a_key_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIabcdef\n  xyz123\n-----END KEY-----\n"
    masked = Mask({"key": key})
    assert masked("+MIIabcdef\n+    xyz123 x") == f"+{MASK}\n+    {MASK} x"
    assert masked(json.dumps(key)) == f'"{MASK}"'


def test_a_mask_without_secrets_changes_nothing() -> None:
    assert Mask({"empty": ""})("text") == "text"
    assert not Mask({"empty": ""}).has_short(["empty"])
    assert Mask({"a": "1"}).has_short(["a"])
    assert not Mask({"a": "1"}).has_short(["b"])


values = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)


@given(value=values)
def test_any_value_gets_through_a_template_as_it_is(value: str) -> None:
    binding = Binding({"n": value})
    for text in ("secret:n", "{{ 'secret:n' }}", "a{{ 1 }}secret:n", '{{ "secret:n" ~ "" }}', "{# secret:n #}secret:n"):
        rendered = Renderer().render(binding.bind(text), {})
        released = binding.release(rendered)
        assert released.endswith(value)
        assert released in (value, f"a1{value}")


def test_what_is_bound_is_bound_in_lists_and_maps() -> None:
    binding = Binding({"n": "v"})
    bound = binding.bind({"a": ["x secret:n", 1, None, {"b": "secret:n"}]})
    assert binding.release(bound) == {"a": ["x v", 1, None, {"b": "v"}]}
    with pytest.raises(UnknownSecret):
        binding.bind(["secret:other"])
