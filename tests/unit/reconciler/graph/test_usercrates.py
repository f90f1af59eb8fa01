"""Usercrates: who gets them and from where, what their catalog says, and that all else stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ConfigDict, ValidationError

from reconciler import graph
from reconciler.graph import Graph, Profile
from schema import canonical
from schema.ids import sha256
from schema.protocol.desired import Catalog, CrateObject, UsercrateObject
from tests.factories.trees import tree
from tests.unit.reconciler.graph.conftest import Compile

SHELL = """\
name: shell
vars: {editor: vi}
users: ["dev-*", alice]
include_root: true
resources:
  - name: bashrc
    type: file
    path: "{{ user.home }}/.bashrc"
    source: templates/bashrc.j2
    notify: [reload]
  - {name: reload, type: exec, command: "true", refreshonly: true}
"""
BASE = {
    "usercrates/shell.vgo": SHELL,
    "usercrates/keys.vgo": "name: keys\ndepends_on: [shell]\nresources: [{type: directory, path: '{{ user.home }}/.ssh'}]\n",
    "usercrates/own.vgo": "name: own\n",
    "configcrates/shell.vgo": "name: shell\nresources: [{type: file, path: /etc/shells, source: templates/bashrc}]\n",
    "templates/bashrc.j2": "export EDITOR={{ vars.editor }} PS1=secret:prompt HOME={{ user.home }}\n",
    "templates/bashrc": "/bin/sh\n",
}


def profile(whole: Graph, host: str = "a.example.com") -> Profile:
    found = whole.match(host)
    assert found is not None
    return found


def test_they_come_from_the_root_down_and_then_from_the_block_and_nothing_excludes_them(compiled: Compile) -> None:
    whole = compiled(
        {
            **BASE,
            "common.vgo": "usercrates: shell\nconfigcrates: shell\n",
            "lab/common.vgo": "usercrates: [keys, shell]\nexclude_configcrates: [shell]\n",
            "lab/x.vgo": "envoys:\n  - {match: a.example.com, usercrates: [own, keys]}\n  - {match: '*'}\n",
        }
    )
    found = profile(whole)
    assert dict(found.resolution.usercrates) == {
        "shell": "common.vgo",
        "keys": "lab/common.vgo",
        "own": "match-block",
    }
    assert found.configcrates == []
    assert [ref.name for ref in found.catalog.usercrates] == ["shell", "keys", "own"]
    assert [ref.name for ref in profile(whole, "b").catalog.usercrates] == ["shell", "keys"]


def test_dependencies_put_them_in_order(compiled: Compile) -> None:
    whole = compiled({**BASE, "x.vgo": "envoys: [{match: '*', usercrates: [keys, shell]}]\n"})
    assert [(ref.name, ref.requires) for ref in profile(whole).catalog.usercrates] == [
        ("shell", []),
        ("keys", ["shell"]),
    ]


def test_the_object_says_for_whom_it_is_and_is_no_configcrates(compiled: Compile) -> None:
    whole = compiled({**BASE, "x.vgo": "envoys: [{match: '*', usercrates: shell, configcrates: shell}]\n"})
    catalog = profile(whole).catalog
    [ref] = catalog.usercrates
    body = whole.object(ref.sha256)
    assert body is not None
    assert (sha256(body), len(body)) == (ref.sha256, ref.size)
    made = UsercrateObject.model_validate(canonical.loads(body))
    assert (made.kind, made.name, made.users, made.include_root) == ("usercrate", "shell", ["dev-*", "alice"], True)
    assert [(each.id, each.notify) for each in made.resources] == [
        ("usercrate:shell/bashrc", ["usercrate:shell/reload"]),
        ("usercrate:shell/reload", []),
    ]
    with pytest.raises(ValidationError):
        CrateObject.model_validate(canonical.loads(body))
    plain = whole.object(catalog.crates[0].sha256)
    assert plain is not None
    with pytest.raises(ValidationError):
        UsercrateObject.model_validate(canonical.loads(plain))
    assert sorted(catalog.content) == ["templates/bashrc", "templates/bashrc.j2"]
    assert all(whole.object(each.sha256) for each in catalog.content.values())
    assert catalog.secrets == ["prompt"]


def test_a_catalog_without_them_has_the_bytes_it_always_had(compiled: Compile) -> None:
    whole = compiled({**BASE, "x.vgo": "envoys: [{match: '*', configcrates: shell}]\n"})
    found = profile(whole)
    said = json.loads(found.catalog_body)
    assert sorted(said) == ["content", "crates", "environment", "format", "roles", "secrets", "vars"]
    assert found.catalog_body == canonical.dumps(found.catalog.model_dump(exclude={"usercrates"}))


class OlderCatalog(Catalog):
    """The shape that agents knew before there were usercrates: they refuse any other key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


del OlderCatalog.model_fields["usercrates"]
OlderCatalog.model_rebuild(force=True)


def test_an_older_agent_refuses_a_catalog_that_has_them(compiled: Compile) -> None:
    without = compiled({**BASE, "x.vgo": "envoys: [{match: '*', configcrates: shell}]\n"})
    OlderCatalog.model_validate_json(profile(without).catalog_body)
    having = compiled({**BASE, "x.vgo": "envoys: [{match: '*', usercrates: shell}]\n"})
    with pytest.raises(ValidationError, match="usercrates"):
        OlderCatalog.model_validate_json(profile(having).catalog_body)
    assert profile(having).catalog_body == canonical.dumps(profile(having).catalog.model_dump())


def test_their_own_vars_are_the_weakest_and_what_they_ask_for_is_proven() -> None:
    def told(files: dict[str, str]) -> list[Any]:
        return [str(each) for each in graph.compile_tree(tree({**BASE, **files})).diagnostics]

    leaf = "envoys: [{match: '*', usercrates: shell}]\n"
    assert told({"x.vgo": leaf}) == []
    assert told({"x.vgo": leaf, "usercrates/shell.vgo": SHELL.replace("vars: {editor: vi}\n", "")}) == [
        "templates/bashrc.j2:1:23: error[vars.undefined]: vars.editor is not defined (hint: for * (x.vgo:1))"
    ]
    assert told({"x.vgo": "envoys: [{match: '*', usercrates: keys}]\n"}) == [
        (
            "usercrates/keys.vgo:2:13: error[crate.missing-dependency]: keys depends on shell, which the same host does "
            "not have (hint: add shell for * (x.vgo:1))"
        )
    ]
    assert told({"x.vgo": leaf, "usercrates/shell.vgo": SHELL + "depends_on: keys\n"}) == [
        "usercrates/keys.vgo:2:13: error[crate.cycle]: each depends on the next: keys → shell → keys",
        (
            "usercrates/shell.vgo:12:13: error[crate.missing-dependency]: shell depends on keys, which the same host does "
            "not have (hint: add keys for * (x.vgo:1))"
        ),
    ]
    assert told({"usercrates/deep/shell.vgo": "name: shell\n"}) == [
        (
            "usercrates/shell.vgo:1:7: error[crate.duplicate]: usercrates/deep/shell.vgo is the usercrate shell, too "
            "(hint: a crate's name is its file's stem)"
        )
    ]


def test_a_command_that_would_always_run_is_refused_here_too() -> None:
    found = graph.compile_tree(
        tree(
            {
                "usercrates/a.vgo": "name: a\nresources:\n  - {type: exec, command: ls}\n  - {type: exec, command: x, refreshonly: true}\n"
            }
        )
    )
    assert [each.code for each in found.diagnostics] == ["idempotency.unguarded", "idempotency.never-notified"]
