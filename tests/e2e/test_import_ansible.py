"""What an inventory's hosts come to here is what `ansible-inventory` says, var by var, for inventories of every form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from reconciler import graph, repository
from schema.merging import settle
from tests.factories import inventories

PROGRAM = shutil.which("ansible-inventory", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
SEEDS = 6
"""Each form of an inventory is among them."""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs ansible-core, of the dev group")


def ansible(inventory: Path, home: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Host → vars, as Ansible resolves them; those of the connection left out."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(PROGRAM), "-i", str(inventory), "--list", *options],
        capture_output=True,
        text=True,
        cwd=home,
        env=environment | {"HOME": str(home)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["_meta"]["hostvars"]
    return {
        host: {key: value for key, value in vars_.items() if not key.startswith("ansible_")}
        for host, vars_ in said.items()
    }


def vigo(*arguments: str) -> int:
    """The exit code of one command, in this process: its start would be most of the time."""
    return main.run(list(arguments))


def resolved(place: Path) -> dict[str, dict[str, Any]]:
    """Host → vars, as the compiler resolves them, of a repository whose hosts are all named."""
    compilation = graph.compile_tree(repository.directory(place))
    assert compilation.graph is not None, compilation.diagnostics
    return {profile.match_pattern: settle(profile.resolution.vars) for profile in compilation.graph.profiles.values()}


def assert_equal(inventory: Path, place: Path, home: Path, *, program: Path | None = None) -> None:
    assert vigo("import", "ansible", str(inventory), "--into", str(place)) == 0
    desired = ansible(program or inventory, home)
    found = resolved(place)
    # As JSON, where `1`, `true` and `1.0` are three.
    assert {host: json.dumps(found[host], sort_keys=True) for host in desired} == {
        host: json.dumps(vars_, sort_keys=True) for host, vars_ in desired.items()
    }
    assert vigo("validate", str(place), "--strict") == 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_host_has_the_vars_that_ansible_gives_it(seed: int, tmp_path: Path) -> None:
    _one(seed, tmp_path)


@pytest.mark.slow
def test_so_it_is_for_many_more(tmp_path: Path) -> None:
    for seed in range(SEEDS, 200):
        _one(seed, tmp_path / str(seed))


def _one(seed: int, place: Path) -> None:
    home = place / "home"
    home.mkdir(parents=True)
    inventory = inventories.write(place / "inventory", seed)
    program = None
    if inventory.name == "dynamic.py":  # what a script prints; Ansible wants the script
        printed = inventory.rename(inventory.with_name("printed.json"))
        program = inventory.with_name("print")
        program.write_text(f"#!/bin/sh\ncat {printed}\n")
        program.chmod(0o755)
        inventory = printed
    assert_equal(inventory, place / "repo", home, program=program)


def test_vars_beside_playbooks_count_too(tmp_path: Path) -> None:
    place = tmp_path / "ansible"
    (place / "inventories/production/group_vars").mkdir(parents=True)
    (place / "group_vars").mkdir()
    (place / "inventories/production/hosts").write_text("[web]\nw1.example.com\n")
    (place / "inventories/production/group_vars/web.yml").write_text("a: inventory\nb: inventory\n")
    (place / "group_vars/web.yml").write_text("a: playbooks\n")
    (place / "group_vars/all.yml").write_text("b: all\nc: all\n")
    inventory = place / "inventories/production/hosts"
    options = ["--playbook-dir", str(place), "--into", str(tmp_path / "repo")]
    assert vigo("import", "ansible", str(inventory), *options) == 0
    desired = ansible(inventory, tmp_path, "--playbook-dir", str(place))
    assert (
        resolved(tmp_path / "repo") == desired == {"w1.example.com": {"a": "playbooks", "b": "inventory", "c": "all"}}
    )


def test_the_output_of_ansible_inventory_is_an_inventory_too(tmp_path: Path) -> None:
    inventory = inventories.write(tmp_path / "inventory", 1)
    listed = tmp_path / "elsewhere" / "listed.json"
    listed.parent.mkdir()
    done = subprocess.run(
        [str(PROGRAM), "-i", str(inventory), "--list"], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    listed.write_text(done.stdout)
    assert vigo("import", "ansible", str(listed), "--into", str(tmp_path / "repo")) == 0
    assert resolved(tmp_path / "repo") == ansible(inventory, tmp_path)
