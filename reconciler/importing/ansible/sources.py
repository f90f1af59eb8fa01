"""The files of an inventory, put together: a file or a directory of them, with `group_vars` and `host_vars`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.importing.ansible import formats, reading
from reconciler.importing.ansible.inventory import Inventory
from reconciler.importing.proposals import ImportRefused, Notes

_IGNORED: Final = re.compile(
    r"^\.|^host_vars$|^group_vars$|^vars_plugins$|\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry)$|~$"
)
_EXTENSIONS: Final = ("", ".yml", ".yaml", ".json")


class SourceFile(NamedTuple):
    """One file that was gathered."""

    content: bytes
    executable: bool = False


class Folder(NamedTuple):
    """A directory that was gathered: name → what stands there."""

    entries: Mapping[str, Folder | SourceFile]


def inventory(
    source: SourceFile | Folder, name: str, *, beside: Folder, playbooks: Folder | None, notes: Notes
) -> Inventory:
    """The inventory that files make.

    Args:
        source: the inventory file, or the directory of them.
        name: of it.
        beside: the directory that holds its `group_vars` and `host_vars`.
        playbooks: the directory of the playbooks, whose `group_vars` and `host_vars` are stronger.

    Raises:
        ImportRefused: something in it cannot be read.
    """
    found = Inventory(notes)
    if isinstance(source, SourceFile):
        formats.read(found, source.content, name, executable=source.executable)
    else:
        for path, file in _inventory_files(source, name):
            try:
                formats.read(found, file.content, path, executable=file.executable)
            except ImportRefused as refused:
                if "no program is run" not in refused.message and "TOML" not in refused.message:
                    raise
                notes.add(path, f"left out: {refused.message.removeprefix(f'{path} ').removeprefix(f'{path}: ')}")
    if not found.hosts:
        raise ImportRefused(f"{name} names no host")
    found.complete()
    for folder in (beside, *([playbooks] if playbooks is not None else [])):
        _file_vars(found, folder)
    return found


def _inventory_files(folder: Folder, path: str) -> Iterator[tuple[str, SourceFile]]:
    for name in sorted(folder.entries):
        entry = folder.entries[name]
        if _IGNORED.search(name):
            continue
        if isinstance(entry, Folder):
            yield from _inventory_files(entry, f"{path}/{name}")
        else:
            yield f"{path}/{name}", entry


def _file_vars(found: Inventory, folder: Folder) -> None:
    for kind, things in (("group_vars", found.groups), ("host_vars", found.hosts)):
        place = folder.entries.get(kind)
        held = place if isinstance(place, Folder) else Folder({})
        unused = dict(held.entries)
        for name, thing in things.items():
            said: dict[str, Any] = {}
            for file_name, path, file in _vars_files(held, name, kind):
                unused.pop(file_name, None)
                said.update(_vars(file, path, found.notes))
            thing.file_vars.append(said)
        for name in sorted(unused):
            if not name.startswith(".") and not name.endswith("~"):
                found.notes.add(f"{kind}/{name}", "no group or host of the inventory has this name: left out")


def _vars_files(folder: Folder, name: str, kind: str) -> Iterator[tuple[str, str, SourceFile]]:
    """The files of one group or host, in order, each under the name of the entry that leads to it."""
    for extension in _EXTENSIONS:
        entry = folder.entries.get(name + extension)
        if entry is None:
            continue
        path = f"{kind}/{name}{extension}"
        if isinstance(entry, SourceFile):
            yield name + extension, path, entry
        else:
            for below, file in _below(entry, path):
                yield name + extension, below, file
        return


def _below(folder: Folder, path: str) -> Iterator[tuple[str, SourceFile]]:
    for name in sorted(folder.entries):
        entry = folder.entries[name]
        stem, dot, extension = name.rpartition(".")
        extension = f".{extension}" if dot and stem else ""
        if name.startswith(".") or name.endswith("~"):
            continue
        if isinstance(entry, Folder):
            if not extension:
                yield from _below(entry, f"{path}/{name}")
        elif extension in _EXTENSIONS:
            yield f"{path}/{name}", entry


def _vars(file: SourceFile, path: str, notes: Notes) -> Mapping[str, Any]:
    if file.content.startswith(reading.VAULT_HEADER.encode()):
        notes.add(path, "is sealed by ansible-vault as a whole: its vars are left out, and not even their names known")
        return {}
    data = reading.document(file.content, path)
    if data is None or data == "":
        return {}
    if not isinstance(data, Mapping):
        raise ImportRefused(f"{path}: a file of vars is a map")
    return data
