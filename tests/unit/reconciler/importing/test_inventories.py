"""Inventory files of every form, and what Ansible makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.importing.ansible.patterns import expand
from reconciler.importing.ansible.reading import Foreign
from reconciler.importing.proposals import ImportRefused
from tests.unit.reconciler.importing.inventories import folder, read, resolved


@pytest.mark.parametrize(
    ("pattern", "names", "port"),
    [
        ("web1", ["web1"], None),
        ("web1:2222", ["web1"], 2222),
        ("web[01:03].example.com", ["web01.example.com", "web02.example.com", "web03.example.com"], None),
        ("web[1:5:2]", ["web1", "web3", "web5"], None),
        ("db-[a:c]", ["db-a", "db-b", "db-c"], None),
        ("[a:b]-[1:2]:22", ["a-1", "a-2", "b-1", "b-2"], 22),
        ("x[:2]", ["x0", "x1", "x2"], None),
        ("x[9:11]", ["x9", "x10", "x11"], None),
    ],
)
def test_a_pattern_stands_for_names(pattern: str, names: list[str], port: int | None) -> None:
    assert expand(pattern) == (names, port)


@pytest.mark.parametrize(
    "pattern",
    ["", "a b", "w[1:", "w[1]", "w[1:2:0]", "w[1:2:x]", "w[b:a]", "w[01:100]", "w[1:b]", "w[1:]", "x" * 1_001],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ImportRefused):
        expand(pattern)


@pytest.mark.parametrize(
    "pattern", ["w[0:999999999]", "w[1:9999999999999999]", "w[0:999]-[0:999]-[0:999]", "[0:1]" * 9]
)
def test_a_pattern_for_too_many_hosts_is_refused_before_it_is_expanded(pattern: str) -> None:
    with pytest.raises(ImportRefused):
        expand(pattern)


def test_ini_has_hosts_groups_children_and_vars_with_pythons_literals() -> None:
    found = read(
        """
# a comment of any bytes: \xe9
lonely a='[1, 2]'   # behind
[web]  ; not here
""".replace("  ; not here", "")
        + """web[1:2] port=80 on=True off=true "text=two words"
[db]
db1:5432 x="{'a': None}"
[prod:children]
web
db
[prod:vars]
env = prod # kept
tuple=(1, 'b')
odd=007
"""
    )
    assert resolved(found) == {
        "lonely": {"a": [1, 2]},
        "web1": {
            "env": "prod # kept",
            "tuple": [1, "b"],
            "odd": "007",
            "port": 80,
            "on": True,
            "off": "true",
            "text": "two words",
        },
        "web2": {
            "env": "prod # kept",
            "tuple": [1, "b"],
            "odd": "007",
            "port": 80,
            "on": True,
            "off": "true",
            "text": "two words",
        },
        "db1": {"env": "prod # kept", "tuple": [1, "b"], "odd": "007", "x": {"a": None}, "ansible_port": 5432},
    }
    assert found.hosts["web1"].groups == ("prod", "web")
    assert found.hosts["web1"].direct == ("web",)
    assert found.hosts["lonely"].groups == ("ungrouped",)


def test_yaml_has_the_types_of_yaml_1_1_and_merge_keys() -> None:
    found = read(
        """
all:
  hosts:
    h[1:2]: {yes_: yes, octal: 010, date: 2024-01-01, sexagesimal: 1:30}
  vars: &shared {a: 1, b: 2}
  children:
    web:
      hosts: h1
      vars: {<<: *shared, b: 3}
      children: {inner: {hosts: {h2: }}}
""",
        "hosts.yml",
    )
    own = {"yes_": True, "octal": 8, "date": "2024-01-01", "sexagesimal": 90}
    assert resolved(found) == {"h1": {"a": 1, "b": 3, **own}, "h2": {"a": 1, "b": 3, **own}}


def test_the_json_of_a_script_is_read_and_no_script_is_run() -> None:
    output = {
        "web": {"hosts": ["w1"], "children": ["inner"], "vars": {"a": 1e3}},
        "inner": ["w2"],
        "w3": {"a": 5},
        "_meta": {"hostvars": {"w1": {"b": 1}, "elsewhere": {"c": 1}}},
    }
    assert resolved(read(json.dumps(output), "out.json")) == {
        "w1": {"a": 1000.0, "b": 1},
        "w2": {"a": 1000.0},
        "w3": {"a": 5},
    }
    with pytest.raises(ImportRefused, match="no program is run") as refused:
        read("#!/bin/sh\ntouch /tmp/ran\n", "inventory.sh")
    assert "--list" in str(refused.value.details)


def test_vars_files_are_found_as_ansible_finds_them() -> None:
    beside: dict[str, str | bytes] = {
        "group_vars/all/a.yml": "x: all-a\ny: 1",
        "group_vars/all/b": "x: all-b",
        "group_vars/all/deep/c.json": '{"z": 1}',
        "group_vars/all/.hidden.yml": "x: hidden",
        "group_vars/all/backup.yml~": "x: backup",
        "group_vars/all/notes.txt": "x: text",
        "group_vars/web.yml": "w: yml",
        "group_vars/web.json": '{"w": "json"}',
        "group_vars/gone.yml": "w: gone",
        "host_vars/w1": "own: true",
    }
    found = read("[web]\nw1\n[web:vars]\nx=inventory\n", beside=beside)
    # `group_vars/all` beats what the inventory says of a group.
    assert resolved(found) == {"w1": {"x": "all-b", "y": 1, "z": 1, "w": "yml", "own": True}}
    assert [note.about for note in found.notes.listed()] == ["group_vars/gone.yml", "group_vars/web.json"]


def test_groups_speak_by_depth_priority_and_name() -> None:
    text = """
[b]
h
[a]
h
[c]
h
[parent:children]
a
[a:vars]
v=a
[b:vars]
v=b
[c:vars]
v=c
[parent:vars]
v=parent
"""
    assert resolved(read(text))["h"]["v"] == "a"  # the deepest
    assert resolved(read(text.replace("[parent:children]\na\n", "[parent:children]\n")))["h"]["v"] == "c"
    with_priority = (
        text.replace("[parent:children]\na\n", "[parent:children]\n") + "[b:vars]\nansible_group_priority=5\n"
    )
    assert resolved(read(with_priority))["h"]["v"] == "b"


def test_a_directory_is_all_its_files_in_order() -> None:
    from reconciler.importing.ansible import sources
    from reconciler.importing.proposals import Notes

    place = folder(
        {
            "02-more.ini": "[web]\nw2\n[web:vars]\na=2\n",
            "01-hosts": "[web]\nw1\n[web:vars]\na=1\n",
            "sub/03.yml": "web: {vars: {a: 3}}",
            "aws_ec2.yml": "plugin: amazon.aws.aws_ec2\n",
            "run.py": "#!/usr/bin/python3\n",
            "readme.md": "[nothing",
            ".git": "x",
            "group_vars/web": "b: 1",
        }
    )
    notes = Notes()
    found = sources.inventory(place, "inventory", beside=place, playbooks=None, notes=notes)
    assert resolved(found) == {"w1": {"a": 3, "b": 1}, "w2": {"a": 3, "b": 1}}
    assert [note.about for note in notes.listed()] == ["inventory/aws_ec2.yml", "inventory/run.py"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[web:what]\n", "hosts.ini"),
        ("[web\nw1", "hosts.ini"),
        ("[a b]\n", "hosts.ini"),
        ("[web:vars]\nx=1\n", "hosts.ini"),
        ("[a:children]\nb\n", "hosts.ini"),
        ("w1 novalue\n", "hosts.ini"),
        ("w1 x='open\n", "hosts.ini"),
        ("[web:vars]\nnovalue\n[web]\nh\n", "hosts.ini"),
        ("---\n", "hosts.ini"),
        ("h:\n", "hosts.ini"),
        (b"h1 x=\xff\n", "hosts.ini"),
        ("h\n[a:children]\nb\n[b:children]\na\n", "hosts.ini"),
        ("h\n[a:children]\na\n", "hosts.ini"),
        ("h\n[a:vars]\nansible_group_priority=high\n[a]\n", "hosts.ini"),
        ("", "hosts.ini"),
        ("[1, 2]", "hosts.yml"),
        ("all: {hosts: [a]}", "hosts.yml"),
        ("all: {hosts: {a: }}\n---\nx: 1", "hosts.yml"),
        ("all: [", "hosts.yml"),
        (b"all: \xff", "hosts.yml"),
        ("a = 1", "hosts.toml"),
        ('{"_meta": 1, "web": 5}', "x.json"),
        ('{"_meta": {}, "web": {"hosts": [1]}}', "x.json"),
        ('{"_meta": {}, "web": {"vars": []}}', "x.json"),
        ("plugin: constructed", "hosts.yml"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str | bytes, name: str) -> None:
    with pytest.raises(ImportRefused):
        read(text, name)


def _bomb(kind: str) -> str:
    if kind == "aliases":
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
        return "\n".join(["all:", "  hosts: {h: }", "  vars:", *(f"    {line}" for line in lines)])
    if kind == "merges":
        lines = ["a0: &a0 {x: 1}"]
        lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}" for n in range(1, 40)]
        return "\n".join(["all:", "  hosts: {h: }", "  vars:", *(f"    {line}" for line in lines)])
    if kind == "depth":
        return "all: {hosts: {h: }, vars: {a: " + "[" * 5_000 + "]" * 5_000 + "}}"
    return "all: {hosts: {h: }, vars: {a: &a [*a]}}"


@pytest.mark.parametrize("kind", ["aliases", "depth", "itself"])
def test_a_yaml_bomb_is_refused(kind: str) -> None:
    with pytest.raises(ImportRefused):
        read(_bomb(kind), "hosts.yml")


def test_merge_keys_do_not_multiply() -> None:
    found = read(_bomb("merges"), "hosts.yml")
    assert len(resolved(found)["h"]["a39"]) == 40


@pytest.mark.parametrize(
    "value", ["(" * 400, "-" * 3_000 + "1", "[" * 100 + "]" * 100, "9" * 5_000, "{" * 90, "'" + "x" * 70_000]
)
def test_a_hostile_literal_stays_text_or_is_refused(value: str) -> None:
    try:
        found = read(f"h\n[all:vars]\nx={value}\n")
    except ImportRefused:
        return
    assert found.resolved(found.hosts["h"])["x"] == value or isinstance(found.resolved(found.hosts["h"])["x"], Foreign)


def test_tags_do_nothing_but_say_what_a_value_is() -> None:
    text = """
all:
  hosts: {h: }
  vars:
    a: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
    b: !unsafe "{{ raw }}"
    c: !!python/object/apply:os.system ["touch /tmp/ran"]
    d: !!set {x, y}
    e: !!binary aGk=
    f: .inf
    g: 99999999999999999999
    h: {1: a, null: b}
"""
    found: dict[str, Any] = resolved(read(text, "hosts.yml"))["h"]
    assert isinstance(found["a"], Foreign)
    assert found["a"].sealed
    assert found["b"] == "{{ raw }}"
    assert all(isinstance(found[key], Foreign) and not found[key].sealed for key in "cdefg")
    assert found["h"] == {"1": "a", "null": "b"}
    assert not Path("/tmp/ran").exists()
