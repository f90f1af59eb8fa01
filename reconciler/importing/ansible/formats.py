"""The forms of an inventory file: INI, YAML, and the JSON that a script prints."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Mapping
from typing import Any, Final

from reconciler.importing.ansible import reading
from reconciler.importing.ansible.inventory import UNGROUPED, Inventory
from reconciler.importing.ansible.patterns import expand
from reconciler.importing.proposals import ImportRefused

MAX_LINES: Final = 500_000
MAX_LITERAL_CHARS: Final = 64 * 1024
MAX_NESTING: Final = 500
"""Brackets and signs in one value: Python's parser is recursive."""

_SECTION: Final = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP_LINE: Final = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_NESTS: Final = frozenset("([{+-~")


def read(inventory: Inventory, source: bytes, name: str, *, executable: bool = False) -> None:
    """Add what an inventory file says, in whichever form it has.

    Args:
        name: the file's path; what stands behind its last dot says which form it can have.
        executable: whether the file may be run, which is left to whoever wrote it.

    Raises:
        ImportRefused: it cannot be read.
    """
    suffix = name.rpartition("/")[2].rpartition(".")[2] if "." in name.rpartition("/")[2] else ""
    if source.startswith(b"#!") and (executable or suffix not in ("ini", "yml", "yaml", "json")):
        raise ImportRefused(
            f"{name} is a program, and no program is run", hint=f"give its output: `{name} --list > inventory.json`"
        )
    if suffix == "toml":
        raise ImportRefused(
            f"{name}: TOML is not read", hint="`ansible-inventory -i FILE --list > inventory.json` makes JSON of it"
        )
    if source.lstrip()[:1] == b"{" and _is_script_output(data := reading.script_output(source, name)):
        _script(inventory, data, name)
        return
    if suffix in ("yml", "yaml", "json"):
        _yaml(inventory, reading.document(source, name), name)
        return
    if not suffix:
        try:
            data = reading.document(source, name)
        except ImportRefused:
            data = None
        if isinstance(data, Mapping) and data:
            _yaml(inventory, data, name)
            return
    _ini(inventory, source, name)


def _is_script_output(data: Any) -> bool:
    return isinstance(data, Mapping) and (
        "_meta" in data
        or any(
            isinstance(group, list)
            or (isinstance(group, Mapping) and any(isinstance(group.get(key), list) for key in ("hosts", "children")))
            for group in data.values()
        )
    )


# the JSON of scripts


def _script(inventory: Inventory, data: Mapping[str, Any], name: str) -> None:
    meta = data.get("_meta")
    hostvars = meta.get("hostvars") if isinstance(meta, Mapping) else None
    said = hostvars if isinstance(hostvars, Mapping) else {}
    if hostvars is None:
        inventory.notes.add(name, "has no _meta.hostvars: vars of single hosts are missing")
    for group, given in data.items():
        if group != "_meta":
            _script_group(inventory, group, given, name)
    for host in list(inventory.hosts.values()):
        own = said.get(host.name)
        if isinstance(own, Mapping):
            host.vars.update(own)


def _script_group(inventory: Inventory, group: str, given: Any, name: str) -> None:
    if isinstance(given, list):
        given = {"hosts": given}
    if not isinstance(given, Mapping):
        raise ImportRefused(f"{name}: group {group} is neither a list nor a map")
    if not any(key in given for key in ("hosts", "vars", "children")):
        given = {"hosts": [group], "vars": given} if given else {}
    inventory.group(group)
    for key in ("hosts", "children"):
        if not isinstance(given.get(key, []), list) or not all(isinstance(each, str) for each in given.get(key, [])):
            raise ImportRefused(f"{name}: {key} of group {group} is no list of names")
    if not isinstance(given.get("vars", {}), Mapping):
        raise ImportRefused(f"{name}: vars of group {group} is no map")
    for host in given.get("hosts", ()):
        inventory.host(host, group)
    for key, value in given.get("vars", {}).items():
        inventory.set(group, key, value)
    for child in given.get("children", ()):
        inventory.child(group, child)


# YAML


def _yaml(inventory: Inventory, data: Any, name: str) -> None:
    if not isinstance(data, Mapping):
        raise ImportRefused(f"{name}: a YAML inventory is a map of groups")
    if data.get("plugin"):
        inventory.notes.add(
            name, "is the configuration of an inventory plugin, which is not run: give the JSON of ansible-inventory"
        )
        return
    for group, given in data.items():
        _yaml_group(inventory, group, given, name)


def _yaml_group(inventory: Inventory, group: str, given: Any, name: str) -> None:
    if given is not None and not isinstance(given, Mapping):
        inventory.notes.add(group, f"is no group in {name}: left out")
        return
    inventory.group(group)
    for key, part in (given or {}).items():
        if key not in ("vars", "children", "hosts"):
            inventory.notes.add(group, f"{key} in {name} is neither vars, children nor hosts: left out")
            continue
        held = {part: None} if isinstance(part, str) else part or {}
        if not isinstance(held, Mapping):
            raise ImportRefused(f"{name}: {key} of group {group} is no map")
        for each, value in held.items():
            if key == "vars":
                inventory.set(group, each, value)
            elif key == "hosts":
                _members(inventory, group, each, value if isinstance(value, Mapping) else {}, name)
            else:
                _yaml_group(inventory, each, value, name)
                if each in inventory.groups:
                    inventory.child(group, each)


def _members(inventory: Inventory, group: str, pattern: str, own: Mapping[str, Any], name: str) -> None:
    try:
        names, port = expand(pattern)
    except ImportRefused as refused:
        raise ImportRefused(f"{name}: {refused.message}") from refused
    for each in names:
        host = inventory.host(each, group)
        host.vars.update(own)
        if port is not None:
            host.vars["ansible_port"] = port


# INI


def _ini(inventory: Inventory, source: bytes, name: str) -> None:
    lines = source.splitlines()
    if len(lines) > MAX_LINES or len(source) > reading.MAX_BYTES:
        raise ImportRefused(f"{name}: more than {MAX_LINES} lines or {reading.MAX_BYTES} bytes")
    group, kind = UNGROUPED, "hosts"
    declared, awaited = set(inventory.groups), dict[str, str]()
    for number, raw in enumerate(lines, 1):
        where = f"{name}:{number}"
        line = _line(raw, where)
        if not line:
            continue
        section = _SECTION.fullmatch(line)
        if section is None:
            _ini_entry(inventory, group, kind, line, where, awaited)
            continue
        group, kind = section[1], section[2] or "hosts"
        if kind not in ("hosts", "children", "vars"):
            raise ImportRefused(f"{where}: a section holds hosts, children or vars, not {kind}")
        inventory.group(group)
        if kind == "vars":
            awaited.setdefault(group, where)
        else:
            declared.add(group)
    for missing, where in awaited.items():
        if missing not in declared:
            raise ImportRefused(f"{where}: there is no group {missing}")


def _ini_entry(inventory: Inventory, group: str, kind: str, line: str, where: str, awaited: dict[str, str]) -> None:
    """One line of a section; a group that it names as a child must be declared somewhere."""
    if line.startswith("[") and line.endswith("]"):
        raise ImportRefused(f"{where}: {line!r} is no section")
    if kind == "vars":
        key, equals, value = line.partition("=")
        if not equals:
            raise ImportRefused(f"{where}: expected KEY=VALUE")
        inventory.set(group, key.strip(), _literal(value.strip()))
    elif kind == "children":
        child = _GROUP_LINE.fullmatch(line)
        if child is None:
            raise ImportRefused(f"{where}: expected the name of a group")
        awaited.setdefault(child[1], where)
        inventory.child(group, child[1])
    else:
        _ini_host(inventory, group, line, where)


def _line(raw: bytes, where: str) -> str:
    if raw[:1] in (b"#", b";"):
        return ""  # a comment may hold any bytes
    try:
        line = raw.decode("utf-8-sig" if where.endswith(":1") else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{where}: not UTF-8") from error
    return "" if line[:1] in ("#", ";") else line


def _ini_host(inventory: Inventory, group: str, line: str, where: str) -> None:
    try:
        pattern, *given = shlex.split(line, comments=True)
    except ValueError as error:
        raise ImportRefused(f"{where}: {error}") from error
    own: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise ImportRefused(f"{where}: expected KEY=VALUE behind the host, not {each[:80]!r}")
        own[key] = _literal(value)
    if pattern == "---" or pattern.endswith(":"):
        raise ImportRefused(f"{where}: {pattern!r} is no host pattern")
    _members(inventory, group, pattern, own, where)


def _literal(text: str) -> Any:
    """A value as Ansible takes it: Python's literals are what they are, all else is text."""
    if len(text) > MAX_LITERAL_CHARS or sum(char in _NESTS for char in text) > MAX_NESTING:
        return reading.plain(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return reading.plain(text)
    return reading.plain(_coerced(value))


def _coerced(value: Any) -> Any:
    if isinstance(value, set):
        return [_coerced(each) for each in value]
    if isinstance(value, list | tuple):
        return [_coerced(each) for each in value]
    if isinstance(value, dict):
        return {key: _coerced(each) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is ...:
        return "..."
    return str(value) if isinstance(value, complex) else value
