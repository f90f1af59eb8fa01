"""Ansible inventories of every form, generated: nested groups, priorities, ranges, vars that collide at every level."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

KEYS = ["port", "cfg", "tags", "name", "flag", "ratio", "empty", "nothing", "note", "deep"]


def value(chance: random.Random, depth: int = 0) -> Any:
    """A value of the kinds that YAML and Vigo share."""
    kinds = ["int", "text", "bool", "float", "none", "odd"] + (["map", "list"] * 2 if depth < 2 else [])
    match chance.choice(kinds):
        case "int":
            return chance.choice([0, 1, 80, 443, -7, 2**40])
        case "text":
            return chance.choice(["a", "web", "on", "yes", "1.0", "010", "", "two words", "true", "null", "~", "0x1f"])
        case "bool":
            return chance.random() < 0.5
        case "float":
            return chance.choice([1.0, 0.5, 1e20, -2.25])
        case "none":
            return None
        case "odd":
            return chance.choice(
                [
                    "a: b",
                    "- x",
                    "# no comment",
                    " lead",
                    "tail ",
                    "tab\there",
                    "ünïcode 🦊",
                    "l1\nl2\n",
                    "'q'",
                    '"d"',
                    "*",
                    "&a",
                    "!x",
                    "%",
                    "@",
                    "`",
                    "{}",
                    "[",
                    "a #b",
                    "\\",
                    "x\n",
                    "\nx",
                    "1_000",
                    "12:30",
                    "2024-01-01",
                    "=",
                    "<<",
                ]
            )
        case "map":
            return {
                key: value(chance, depth + 1)
                for key in chance.sample(["a", "b", "c", "yes", "1"], chance.randint(0, 3))
            }
        case _:
            return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]


def vars_(chance: random.Random, most: int = 4) -> dict[str, Any]:
    return {key: value(chance) for key in chance.sample(KEYS, chance.randint(0, most))}


def write(place: Path, seed: int) -> Path:
    """Write an inventory below a directory; its path."""
    chance = random.Random(seed)
    groups = [f"g{number}" for number in range(chance.randint(1, 7))]
    # A child comes behind its parents, so there is no circle.
    children = {
        group: [child for child in groups[at + 1 :] if chance.random() < 0.35] for at, group in enumerate(groups)
    }
    hosts = [f"h{number}.example.com" for number in range(chance.randint(1, 6))]
    members = {group: [host for host in hosts if chance.random() < 0.3] for group in groups}
    priorities = {group: chance.randint(1, 4) for group in groups if chance.random() < 0.3}
    place.mkdir(parents=True, exist_ok=True)
    form = chance.choice(["ini", "yaml", "script", "directory"])
    if form == "ini":
        path = place / chance.choice(["hosts", "hosts.ini", "inventory"])
        path.write_text(_ini(chance, groups, children, hosts, members, priorities))
    elif form == "yaml":
        path = place / chance.choice(["hosts.yml", "hosts.yaml", "hosts.json", "hosts"])
        path.write_text(json.dumps(_yaml(chance, groups, children, hosts, members, priorities)))
    elif form == "script":
        path = place / "dynamic.py"
        path.write_text(json.dumps(_script(chance, groups, children, hosts, members, priorities)))
    else:
        path = place
        (place / "01-hosts").write_text(_ini(chance, groups, children, hosts, members, priorities))
        more = {group: {"vars": vars_(chance, 2)} for group in groups if chance.random() < 0.4}
        (place / "02-more.yml").write_text(json.dumps(more or {"all": None}))
        (place / "notes.md").write_text("[not] an inventory")
    _files(chance, place, [*groups, "all", "ungrouped"], "group_vars")
    _files(chance, place, hosts, "host_vars")
    return path


def _files(chance: random.Random, place: Path, names: list[str], kind: str) -> None:
    for name in names:
        if chance.random() < 0.5:
            continue
        folder = place / kind
        folder.mkdir(exist_ok=True)
        text = json.dumps(vars_(chance), ensure_ascii=chance.random() < 0.5)
        match chance.choice(["", ".yml", ".yaml", ".json", "dir"]):
            case "dir":
                (folder / name / "sub").mkdir(parents=True)
                (folder / name / "a.yml").write_text(text)
                (folder / name / "b").write_text(json.dumps(vars_(chance)))
                (folder / name / "sub" / "c.yaml").write_text(json.dumps(vars_(chance)))
                (folder / name / ".hidden.yml").write_text("port: hidden")
                (folder / name / "notes.txt").write_text("no vars")
            case extension:
                (folder / f"{name}{extension}").write_text(text)


def _ini(chance: Any, groups: Any, children: Any, hosts: Any, members: Any, priorities: Any) -> str:
    lines = ["# an inventory", "; of this form", ""]
    lines += [_ini_host(chance, host) for host in hosts]
    lines.append("r[01:03].example.com:2222 port=1")
    for group in groups:
        lines += ["", f"[{group}]  # {group}", *members[group]]
        if chance.random() < 0.3:
            lines.append("r[1:3:2]-[a:b].example.com")
        if children[group]:
            lines += [f"[{group}:children]", *children[group]]
        said = [f"{key} = {_literal(chance)}" for key in chance.sample(KEYS, chance.randint(0, 3))]
        said += [f"ansible_group_priority={priorities[group]}"] if group in priorities else []
        if said:
            lines += [f"[{group}:vars]", *said]
    if chance.random() < 0.5:
        lines += ["[all:vars]", *(f"{key}={_literal(chance)}" for key in chance.sample(KEYS, 2))]
    return "\n".join(lines) + "\n"


def _ini_host(chance: random.Random, host: str) -> str:
    said = [f"{key}={_quoted(chance)}" for key in chance.sample(KEYS, chance.randint(0, 2))]
    return " ".join([host, *said, *(["ansible_user=root"] if chance.random() < 0.3 else [])])


def _quoted(chance: random.Random) -> str:
    return chance.choice(
        ["80", "True", "true", "text", '"two words"', "'[1, 2]'", "\"{'a': 1}\"", "0.5", "None", "007", "'\"x\"'"]
    )


def _literal(chance: random.Random) -> str:
    return chance.choice(
        [
            "80",
            "True",
            "true",
            "some text # not a comment",
            "[1, 'b', {'c': None}]",
            "{'a': {'b': 1}}",
            "(1, 2)",
            "'quoted'",
            '"d"',
            "0.5",
            "007",
            "0x10",
            "a=b",
            "1 + 2",
            "[unclosed",
            "-1",
        ]
    )


def _yaml(chance: Any, groups: Any, children: Any, hosts: Any, members: Any, priorities: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "all": {"hosts": {host: vars_(chance, 2) or None for host in hosts} | {"r[01:03].example.com": {"port": 1}}}
    }
    for group in groups:
        said = vars_(chance, 3) | ({"ansible_group_priority": priorities[group]} if group in priorities else {})
        made[group] = {
            "hosts": {host: vars_(chance, 1) for host in members[group]},
            "children": dict.fromkeys(children[group]),
            "vars": said,
        }
    return made


def _script(chance: Any, groups: Any, children: Any, hosts: Any, members: Any, priorities: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"_meta": {"hostvars": {host: vars_(chance, 3) for host in hosts}}}
    for group in groups:
        said = vars_(chance, 3) | ({"ansible_group_priority": priorities[group]} if group in priorities else {})
        made[group] = {"hosts": members[group], "children": children[group], "vars": said}
    made["ungrouped"] = {"hosts": hosts}
    return made
