"""What may be written at the cursor."""

from __future__ import annotations

import pytest

from reconciler.authoring import completions
from reconciler.authoring.completions import Completion
from reconciler.documents import flaws
from reconciler.documents.kinds import MODELS, Kind
from reconciler.documents.schemas import FILES
from tests.factories.typed import SITE, typed

CRATE = "configcrates/web/nginx.vgo"
LEAF = "production/web.vgo"


def found(path: str, source: str) -> list[Completion]:
    return list(completions.at(*typed(path, source, saved=SITE.get(path))).items)


def labels(path: str, source: str) -> list[str]:
    return [each.label for each in found(path, source)]


@pytest.mark.parametrize(
    ("path", "source", "first"),
    [
        (CRATE, "na¦", ["name"]),
        (CRATE, "name: ¦", ["nginx"]),
        (CRATE, "resources:\n  - ty¦", ["type"]),
        (CRATE, "resources:\n  - type: serv¦", ["service"]),
        (CRATE, "resources:\n  - type: file\n    sta¦", ["state"]),
        (CRATE, "resources:\n  - type: file\n    state: ¦", ["absent", "present"]),
        (CRATE, "resources:\n  - type: file\n    backup: ¦", ["false", "true"]),
        (CRATE, "resources:\n  - type: file\n    source: ¦", ["templates/nginx.conf.j2"]),
        (CRATE, "resources:\n  - {name: a, type: file, notify: [¦]}\n  - name: b\n", ["b"]),
        (CRATE, "depends_on: [¦]", ["motd"]),
        (CRATE, "defaults:\n  owne¦", ["owner"]),
        ("roles.vgo", "roles:\n  web: {includes: [¦]}", ["base", "web"]),
        (LEAF, "envoys:\n  - match: a\n    roles: [w¦", ["web"]),
        (LEAF, "envoys:\n  - match: a\n    environment: ¦", ["production", "staging"]),
        (LEAF, "envoys:\n  - match: a\n    configcrates: [motd, ¦", ["nginx"]),
        (LEAF, "envoys:\n  - match: a\n    exclude_configcrates: ng¦", ["nginx"]),
        (LEAF, "envoys:\n  - match: a\n    vars:\n      ngi¦", ["nginx_port"]),
        (LEAF, "env¦", ["envoys"]),
        ("workflows/deploy.vgo", "steps:\n  - task: ¦", ["restart"]),
        ("workflows/deploy.vgo", "steps:\n  - {name: a, on_failure: ¦}\n  - name: b\n", ["b"]),
        ("vigo.vgo", "¦", ["language", "description"]),
        ("tests/t.vgo", "tests:\n  - name: x\n    role: ¦", ["base", "web"]),
        ("rollout.vgo", "waves:\n  - name: a\n    cana¦", ["canaries"]),
        ("rollout.vgo", "waves:\n  - name: a\n    environment: ¦", ["production", "staging"]),
        ("rollout.vgo", "on_failure: ¦", ["revert", "stop"]),
        ("invariants.vgo", "invariants:\n  - name: a\n    where: {configcrate: ng¦}", ["nginx"]),
        ("invariants.vgo", "invariants:\n  - name: a\n    where: {role: ¦}", ["base", "web"]),
        ("tests/t.vgo", "tests:\n  - expect:\n      configcrates: {exclude: [ng¦]}", ["nginx"]),
        ("tests/t.vgo", "tests:\n  - expect:\n      resources:\n        nginx/r¦", ["nginx/reload"]),
    ],
)
def test_keys_words_and_names(path: str, source: str, first: list[str]) -> None:
    assert labels(path, source)[: len(first)] == first


def test_whose_turn_it_is_is_offered_in_usercrates_alone() -> None:
    written = 'resources:\n  - {type: file, path: "{{ us¦ }}"}\n'
    assert "user" in labels("usercrates/shell.vgo", written)
    assert "user" not in labels(CRATE, written)
    assert labels("usercrates/shell.vgo", written.replace("us¦", "user.¦")) == [
        "gid", "group", "home", "name", "shell", "uid",
    ]  # fmt: skip


def test_keys_that_are_there_are_not_offered_again() -> None:
    offered = labels(CRATE, "resources:\n  - name: x\n    type: file\n    ¦\n    mode: '0644'\n")
    assert offered[0] == "path"
    assert not {"name", "type", "mode"} & set(offered)
    assert {"owner", "when", "notify"} <= set(offered)


def test_a_list_that_has_no_item_yet_gets_its_dash() -> None:
    made = found(LEAF, "envoys:\n  - match: a\n    configcrates:\n      ¦\n")
    assert [(each.label, each.text) for each in made] == [("motd", "- motd"), ("nginx", "- nginx")]


def test_a_key_brings_its_docs_and_what_it_takes() -> None:
    (made,) = (each for each in found(CRATE, "resources:\n  - type: file\n    ¦") if each.label == "path")
    assert (made.text, made.detail) == ("path: ", "required, text")
    (mode,) = (each for each in found(CRATE, "resources:\n  - type: file\n    ¦") if each.label == "mode")
    assert mode.docs.startswith("Left as it is when not given")


@pytest.mark.parametrize(
    ("path", "source", "first"),
    [
        (CRATE, "resources:\n  - type: file\n    path: /{{ va¦", ["vars"]),
        (CRATE, "resources:\n  - type: file\n    path: /{{ vars.ngi¦ }}", ["nginx_port"]),
        (CRATE, "resources:\n  - type: file\n    when: vars.comp¦", ["company"]),
        (CRATE, "resources:\n  - type: file\n    when: traits.os.fam¦", ["family"]),
        (CRATE, "resources:\n  - type: file\n    when: host.¦", ["environment", "hostname", "roles"]),
        (CRATE, "resources:\n  - type: file\n    when: file_ex¦", ["file_exists"]),
        (CRATE, "resources:\n  - type: file\n    foreach: vars.admins\n    path: /{{ item.¦", ["name", "uid"]),
        (
            CRATE,
            "resources:\n  - type: file\n    content: |\n      x\n      {{ vars.nginx_port | to_js¦\n",
            ["to_json"],
        ),
        (CRATE, "resources:\n  - type: file\n    when: vars.company is def¦", ["defined"]),
        ("templates/nginx.conf.j2", "{{ vars.¦", ["admins", "company", "nginx_port"]),
        ("templates/nginx.conf.j2", "{% for a in vars.admins %}{{ a.¦", ["name", "uid"]),
        ("tasks/restart.vgo", "params: {service: {type: string}}\ncommand: x {{ params.¦", ["service"]),
        ("workflows/deploy.vgo", "inputs: {version: {}}\nsteps:\n  - command: x {{ inputs.¦", ["version"]),
    ],
)
def test_what_expressions_know(path: str, source: str, first: list[str]) -> None:
    assert labels(path, source)[: len(first)] == first


def test_a_var_says_what_it_is_and_who_writes_it() -> None:
    (made,) = found(CRATE, "resources:\n  - type: file\n    path: /{{ vars.compa¦ }}")
    assert made.detail == '"Nordwind" (common.vgo)'


def test_item_is_offered_under_a_foreach_alone() -> None:
    assert "item" not in labels(CRATE, "resources:\n  - type: file\n    path: /{{ ¦")
    assert "item" in labels(CRATE, "resources:\n  - type: file\n    foreach: vars.admins\n    path: /{{ ¦")


def test_plain_text_and_comments_offer_nothing() -> None:
    assert labels("templates/nginx.conf.j2", "vars.¦") == []
    assert labels("files/data", "{{ vars.¦") == []
    assert labels(CRATE, "# na¦") == []
    assert labels(CRATE, "description: na¦") == []


def test_what_is_typed_is_what_is_replaced() -> None:
    (made,) = found(LEAF, "envoys:\n  - match: '😀'\n    roles: [w¦xyz]")
    assert (made.text, tuple(made.span)) == ("web", (3, 13, 3, 17))


def test_an_answer_is_bounded_and_says_so() -> None:
    files = {**SITE, **{f"configcrates/c{n}.vgo": f"name: c{n}\n" for n in range(completions.MAX_COMPLETIONS + 5)}}
    made = completions.at(*typed(LEAF, "envoys:\n  - match: a\n    configcrates: [c¦", files, saved=SITE[LEAF]))
    assert (len(made.items), made.left_out) == (completions.MAX_COMPLETIONS, 5)


def test_an_empty_file_and_a_broken_one_are_completed() -> None:
    assert labels(LEAF, "¦") == ["envoys"]
    assert labels(CRATE, "name: [\n}}\n\t- :\nreso¦") == ["resources"]


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.CLAIMS}))
def test_every_kind_of_document_offers_its_keys(kind: Kind) -> None:
    path = FILES[kind].replace("**/*", "x").replace("**/", "")
    assert set(labels(path, "¦")) == set(flaws.keys_of(MODELS[kind]))
