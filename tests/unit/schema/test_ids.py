"""Ids: in order when they are made, the same for the same thing when it is born in git."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schema import ids
from schema.ids import Commit, EnvoyId, Hostname, Sha256


def test_new_ids_are_uuids_of_version_7_in_the_order_they_were_made() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert {UUID(each).version for each in made} == {7}
    assert TypeAdapter(EnvoyId).validate_python(made[0]) == made[0]


@given(st.text(), st.text(), st.text())
def test_an_id_born_in_git_depends_on_all_three_of_its_parts(project: str, kind: str, name: str) -> None:
    first = ids.git_id(project, kind, name)
    assert first == ids.git_id(project, kind, name)
    assert UUID(first).version == 5
    assert first != ids.git_id(project + "x", kind, name)
    assert first != ids.git_id(project, kind + "x", name)
    assert first != ids.git_id(project, kind, name + "x")


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert ids.git_id("a", "b", "c") != ids.git_id("ab", "", "c")
    assert ids.git_id("a", "bc", "") != ids.git_id("a", "b", "c")


def test_the_default_project_never_changes() -> None:
    assert str(UUID(ids.DEFAULT_PROJECT)) == ids.DEFAULT_PROJECT
    assert ids.DEFAULT_PROJECT == "ae46786d-0018-5d11-af61-32e27f62248d"


@given(st.binary())
def test_content_is_named_by_its_sha256(data: bytes) -> None:
    assert ids.sha256(data) == hashlib.sha256(data).hexdigest()
    assert TypeAdapter(Sha256).validate_python(ids.sha256(data))


@pytest.mark.parametrize("name", ["a", "web01.prod.example.com", "1.2.3.4", "a" * 63, "x-y", ".".join(["a" * 60] * 4)])
def test_a_host_name_is_labels_in_lower_case(name: str) -> None:
    assert TypeAdapter(Hostname).validate_python(name) == name
    assert ids.HOSTNAME.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "A",
        "a_b",
        "-a",
        "a-",
        "a" * 64,
        "a b",
        "a\n",
        "ü",
        "*.a",
        ".".join(["a" * 60] * 5),
        "a/b",
        "a\0",
    ],
)
def test_any_other_name_of_a_host_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Hostname).validate_python(name)
    assert not ids.HOSTNAME.fullmatch(name)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Sha256, "0" * 64, ["0" * 63, "0" * 65, "g" * 64, "A" * 64, "0" * 64 + "\n", ""]),
        (Commit, "0" * 40, ["0" * 39, "0" * 41, "HEAD", "G" * 40, "0" * 40 + "\n"]),
        (Commit, "a" * 64, ["a" * 63]),
        (
            EnvoyId,
            "01890a5d-ac96-774b-bcce-b302099a8057",
            ["x", "01890A5D-ac96-774b-bcce-b302099a8057", "01890a5dac96774bbcceb302099a8057"],
        ),
    ],
)
def test_identifiers_have_one_form(kind: type[str], good: str, bad: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    for each in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(each)


def test_the_namespace_is_a_uuid_that_nothing_else_uses() -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", str(ids.NAMESPACE))
