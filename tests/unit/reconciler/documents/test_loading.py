"""Loading a tree: kinds by place, one parse for one content, and what is sound kept beside what is not."""

from __future__ import annotations

import pytest

from reconciler.documents import DocumentCache, Kind, load
from reconciler.documents.kinds import MODELS, Refusal, place
from reconciler.documents.loading import parse
from schema.documents.configcrates import Configcrate
from schema.documents.leaves import Leaf
from schema.documents.roles import Roles
from schema.documents.waivers import Waivers
from tests.factories.trees import tree


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("vigo.vgo", Kind.SETTINGS),
        ("roles.vgo", Kind.ROLES),
        ("common.vgo", Kind.INHERITED),
        ("a/b/common.vgo", Kind.INHERITED),
        ("environments.vgo", Kind.ENVIRONMENTS),
        ("a/environments.vgo", Kind.ENVIRONMENTS),
        ("a/waivers.vgo", Kind.WAIVERS),
        ("rollout.vgo", Kind.ROLLOUT),
        ("invariants.vgo", Kind.INVARIANTS),
        ("compliance.vgo", Kind.CLAIMS),
        ("configcrates/web.vgo", Kind.CONFIGCRATE),
        ("configcrates/a/b/web.vgo", Kind.CONFIGCRATE),
        ("configcrates/users.vgo", Kind.CONFIGCRATE),
        ("usercrates/shell.vgo", Kind.USERCRATE),
        ("tasks/a/restart.vgo", Kind.TASK),
        ("workflows/deploy.vgo", Kind.WORKFLOW),
        ("web.vgo", Kind.LEAF),
        ("a/configcrates/web.vgo", Kind.LEAF),
        ("configcrates.vgo", Kind.LEAF),
        ("templates/x.vgo", None),
        ("files/a/common.vgo", None),
        ("README.md", None),
        ("common.yaml", None),
        ("a/tests/web.vgo", Kind.LEAF),
        ("tests/a/web.vgo", Kind.TESTS),
        ("tests/roles.vgo", Kind.TESTS),
        ("tests/common.vgo", Kind.TESTS),
    ],
)
def test_a_place_has_one_kind(path: str, kind: Kind | None) -> None:
    assert place(path) == kind


RESERVED_FILES = "users alerts channels schedules budgets scope policies projects extensions"


@pytest.mark.parametrize(
    "path",
    [
        *(f"{name}.vgo" for name in RESERVED_FILES.split()),
        *(f"a/{name}.vgo" for name in RESERVED_FILES.split()),
        *(f"{name}/x.vgo" for name in ("alerts", "schedules", "deployments", "scans")),
    ],
)
def test_names_of_later_areas_are_kept_for_them(path: str) -> None:
    found = place(path)
    assert isinstance(found, Refusal)
    assert (found.code, found.hint) == ("file.reserved", "give it another name or place")


def test_every_kind_has_a_model() -> None:
    assert set(MODELS) == set(Kind)


def test_a_file_that_did_not_change_is_the_same_document_and_is_not_read_again() -> None:
    cache = DocumentCache()
    files = {"a.vgo": "envoys: []\n", "b.vgo": "envoys: []  # b\n", "common.vgo": "vars: {}\n"}
    before = load(tree(files), cache)
    changed = tree({**files, "b.vgo": "envoys: []  # c\n"})
    after = load(changed, cache)
    assert after.by_path["a.vgo"] is before.by_path["a.vgo"]
    assert after.by_path["b.vgo"] is not before.by_path["b.vgo"]
    assert after.changed == {"b.vgo"}
    assert len(changed.reads) == 1


def test_equal_content_is_parsed_once() -> None:
    files = tree({"a/common.vgo": "vars: {x: 1}\n", "b/common.vgo": "vars: {x: 1}\n"})
    found = load(files, DocumentCache())
    assert found.by_path["a/common.vgo"].parsed is found.by_path["b/common.vgo"].parsed
    assert len(files.reads) == 2  # vigo.vgo, and one of the two


def test_files_that_come_and_go_stay_in_path_order() -> None:
    cache = DocumentCache()
    load(tree({"b.vgo": "envoys: []\n", "d.vgo": "envoys: []\n"}), cache)
    after = load(tree({"a.vgo": "envoys: []\n", "c.vgo": "envoys: []\n", "d.vgo": "envoys: []\n"}), cache)
    assert list(after.by_path) == ["a.vgo", "c.vgo", "d.vgo", "vigo.vgo"]
    assert [each.path for each in after.of(Kind.LEAF)] == ["a.vgo", "c.vgo", "d.vgo"]
    assert after.changed == {"a.vgo", "b.vgo", "c.vgo"}


def test_a_complaint_is_gone_when_its_file_is_mended_or_removed() -> None:
    cache = DocumentCache()
    broken = {"a.vgo": "envoys: [\n", "scans/b.vgo": "x\n", "configcrates/c.yml": "x\n"}
    codes = sorted(each.code for each in load(tree(broken), cache).diagnostics)
    assert codes == ["file.extension", "file.reserved", "yaml.syntax"]
    assert load(tree({"a.vgo": "envoys: []\n"}), cache).diagnostics == []


def test_what_is_sound_is_kept_and_keeps_its_place() -> None:
    text = "envoys:\n- match: a.x\n  roles: [r, 3, s]\n- environment: lab\n- match: b.x\n  role: z\n"
    found = load(tree({"a.vgo": text}), DocumentCache())
    document = found.by_path["a.vgo"]
    model = document.parsed.model
    assert isinstance(model, Leaf)
    assert [(block.match, block.roles) for block in model.envoys] == [("a.x", ["r", "s"]), ("b.x", [])]
    assert not document.parsed.whole
    assert found.place(document, ("envoys", 0, "roles", 1)) == (3, 17)
    assert found.place(document, ("envoys", 1, "match")) == (5, 10)
    assert found.place(document, ("envoys", 1, "match"), on_key=True) == (5, 3)


def test_one_bad_role_leaves_the_others() -> None:
    model = parse(b"roles:\n  a: {configcrates: [x]}\n  b: 3\n  c: {configcrates: [1]}\n", Kind.ROLES).model
    assert isinstance(model, Roles)
    assert {name: entry.configcrates for name, entry in model.roles.items()} == {"a": ["x"], "c": []}


def test_dates_of_waivers_are_utc_instants() -> None:
    text = b"waivers:\n- {framework: f, control: c, reason: r, approved_by: a, starts: 2026-01-01, expires: 2026-12-31T12:00:00+02:00}\n"
    model = parse(text, Kind.WAIVERS).model
    assert isinstance(model, Waivers)
    assert (model.waivers[0].starts, model.waivers[0].expires) == (1_767_225_600_000_000, 1_798_711_200_000_000)


def test_a_condition_may_be_written_as_a_boolean() -> None:
    parsed = parse(b"name: a\nwhen: false\nresources:\n- {type: directory, path: /a, when: true}\n", Kind.CONFIGCRATE)
    assert parsed.complaints == ()
    assert isinstance(parsed.model, Configcrate)
    assert (parsed.model.when, parsed.model.resources[0].when) == ("false", "true")


@pytest.mark.parametrize("text", ["secret:a//b", '"\\x73ecret:a//b"', '"sec\\\n      ret:a//b"'])
def test_a_secret_with_a_bad_name_is_found_however_it_is_written(text: str) -> None:
    source = f"name: a\nresources:\n  - type: file\n    path: /a\n    content: {text}\n"

    parsed = parse(source.encode(), Kind.CONFIGCRATE)

    assert [each.code for each in parsed.complaints] == ["secret.name"]
