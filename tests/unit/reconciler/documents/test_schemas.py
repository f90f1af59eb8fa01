"""The language as JSON Schema: takes what the compiler takes, refuses what an editor should mark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.documents import schemas
from reconciler.documents.compose import compose
from reconciler.documents.kinds import MODELS, Kind, place
from reconciler.documents.loading import parse
from schema.resources import RESOURCES
from tests.bench import generate

REPO = Path(__file__).parents[4] / "examples" / "repo"
FILES = sorted(path for path in REPO.rglob("*.vgo"))


@cache
def validator(kind: Kind) -> Draft202012Validator:
    return Draft202012Validator(schemas.schema(kind))


def complaints(kind: Kind, text: str | bytes) -> list[str]:
    composed = compose(text if isinstance(text, bytes) else text.encode())
    assert composed.complaints == []
    return [error.message for error in validator(kind).iter_errors(composed.data)]


def crate(resource: str, defaults: str = "{}") -> list[str]:
    return complaints(Kind.CONFIGCRATE, f"name: a\ndefaults: {defaults}\nresources:\n  - {{{resource}}}\n")


def test_the_schema_of_every_kind_is_one_of_the_2020_12_dialect() -> None:
    """What several refer to is one definition, which is looked at once: most of the two largest is the same."""
    definitions: dict[str, object] = {}
    for kind in Kind:
        made = schemas.schema(kind)
        for name, definition in made.get("$defs", {}).items():
            assert definitions.setdefault(name, definition) == definition, (kind, name)
        Draft202012Validator.check_schema({**made, "$defs": {}})
        assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert kind in schemas.FILES
    Draft202012Validator.check_schema({"$defs": definitions})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_every_file_of_the_example_is_what_its_schema_takes(path: Path) -> None:
    kind = place(str(path.relative_to(REPO)))

    assert isinstance(kind, Kind)
    assert complaints(kind, path.read_bytes()) == []


def test_every_file_of_a_generated_repository_is_what_its_schema_takes() -> None:
    for path, content in generate.files_of(files=120, hosts=200).files.items():
        kind = place(path)
        if isinstance(kind, Kind):
            assert complaints(kind, content) == [], path


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.SETTINGS, "language: 2\n"),
        (Kind.SETTINGS, "langauge: 1\n"),
        (Kind.LEAF, "envoys: [{environment: production}]\n"),
        (Kind.LEAF, "envoys: [{match: a, role: [b]}]\n"),
        (Kind.LEAF, "envoys: [{match: a, roles: [1]}]\n"),
        (Kind.LEAF, "hosts: []\n"),
        (Kind.ROLES, "roles: {web: {configcrates: {nginx: true}}}\n"),
        (Kind.ROLES, "roles: [web]\n"),
        (Kind.INHERITED, "vars: [1]\n"),
        (Kind.ENVIRONMENTS, "environments: {production: {roles: [a]}}\n"),
        (Kind.WAIVERS, "waivers: [{framework: a, control: b, reason: c, approved_by: d}]\n"),
        (
            Kind.WAIVERS,
            "waivers: [{framework: a, control: b, reason: c, approved_by: d, expires: 2026-01-01, risk: x}]\n",
        ),
        (Kind.CLAIMS, "nist: {AC-1: true}\n"),
        (Kind.ROLLOUT, "waves: [{name: a, pause: 10}]\n"),
        (Kind.ROLLOUT, "waves: [{name: a, windows: [{days: monday}]}]\n"),
        (Kind.ROLLOUT, "on_failure: retry\n"),
        (Kind.INVARIANTS, "invariants: [{name: a, for_each: trait.os.family, at_least: 1}]\n"),
        (Kind.INVARIANTS, "invariants: []\n"),
        (Kind.TASK, "name: a\ncommand: b\ntimeout: 0\n"),
        (Kind.TASK, "name: a\ncommand: b\nbatch_size: 250%\n"),
        (Kind.WORKFLOW, "name: a\nsteps: []\n"),
        (Kind.USERCRATE, "name: a\nresources: [{path: /etc/a}]\n"),
        (Kind.TESTS, "tests: [{name: a, match: '*'}]\n"),
        (Kind.TESTS, "tests: [{name: a, match: '*', expcet: {renders: true}}]\n"),
        (Kind.TESTS, "tests: [{name: a, match: '*', expect: {renders: false}}]\n"),
        (Kind.TESTS, "tests: [{name: a, match: '*', expect: {configcrates: {includes: [a]}}}]\n"),
        (Kind.TESTS, "tests: [{name: a, match: '*', expect: {resources: {a/b: gone}}}]\n"),
    ],
)
def test_a_mistake_is_marked(kind: Kind, text: str) -> None:
    assert complaints(kind, text) != []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.ROLLOUT, "{}\n"),
        (Kind.ROLLOUT, "windows: [{days: [mon, wed-fri], zone: UTC}]\nwaves: [{name: a, canaries: true}]\n"),
        (
            Kind.ROLLOUT,
            (
                "failure_budget: 0%\nwaves: [{name: a, tag: x, environment: [a, b], percent: 10%, pause: 1h30m, approvals: 2,"
                " windows: [{days: sat-mon, hours: 22:00-24:00}], max_in_flight: 5%, failure_budget: 0,"
                " health: [{url: 'http://a/', timeout: 3s, status: 204, interval: 1m}]}]\n"
            ),
        ),
        (Kind.INVARIANTS, "invariants: [{name: a, at_least: 50%, at_most: 0, for_each: tag}]\n"),
        (
            Kind.INVARIANTS,
            (
                "invariants: [{name: a, exactly: 0, for_each: vars.a.b-c, message: x,"
                " where: {tag: x, environment: a, when: false, role: r}}]\n"
            ),
        ),
    ],
)
def test_what_the_compiler_takes_is_not_marked(kind: Kind, text: str) -> None:
    assert parse(text.encode(), kind).complaints == ()
    assert complaints(kind, text) == []


@pytest.mark.parametrize(
    "resource",
    [
        "type: fiel, path: /etc/a",
        "type: file, path: /etc/a, contnet: x",
        "type: file, path: etc/a",
        "type: file, path: /etc/a, mode: 644",
        "type: file, path: /etc/a, backup: 'yes'",
        "type: file",
        "type: package, path: /etc/a",
        "type: service, service: a, state: running, on_removal: never",
    ],
)
def test_a_mistake_in_a_resource_is_marked_by_its_type(resource: str) -> None:
    assert crate(resource) != []


@pytest.mark.parametrize(
    "resource",
    [
        "type: file, path: '{{ item.path }}', mode: '{{ vars.mode }}', backup: '{{ vars.backup }}', foreach: vars.all",
        "type: file, path: /etc/a, content: 'secret:a/b', when: false, notify: b, depends_on: [c]",
        "type: file, path: /etc/a, validate: 'sh -n %'",
    ],
)
def test_what_is_rendered_on_the_host_may_be_a_template(resource: str) -> None:
    assert crate(resource) == []


def test_a_required_parameter_may_come_from_the_defaults_of_the_crate() -> None:
    assert crate("type: file", "{path: /etc/a}") == []
    assert crate("type: file", "{owner: root}") != []


def test_defaults_are_parameters_of_some_type() -> None:
    assert crate("type: package, package: a", "{ownr: root}") != []
    assert crate("type: package, package: a", "{mode: 644}") != []


def test_descriptions_are_the_docstrings_of_the_fields() -> None:
    made = schemas.schema(Kind.CONFIGCRATE)

    assert made["properties"]["vars"]["description"].startswith("Defaults, seen by this crate alone")
    assert made["$defs"]["file"]["properties"]["content"]["description"] == "The whole text; may be a template."
    assert made["$defs"]["file"]["properties"]["validate"]["description"].startswith("A command that must end 0")


def test_every_resource_type_and_every_key_of_a_model_is_there() -> None:
    made = schemas.schema(Kind.CONFIGCRATE)

    assert made["$defs"]["Resource"]["properties"]["type"]["enum"] == sorted(RESOURCES)
    assert made["$defs"].keys() >= RESOURCES.keys()
    assert set(schemas.schema(Kind.TASK)["properties"]) == set(MODELS[Kind.TASK].model_fields)
    assert [name for name in RESOURCES if not made["$defs"][name]["description"]] == []
