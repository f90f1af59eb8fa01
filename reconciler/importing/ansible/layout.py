"""An inventory as a config repository: `all` is a directory's `common.vgo`, each group a role, each host a match block.

Ansible lets the stronger value replace the weaker one whole; Vigo merges maps by key, and orders roles by their
includes. So the layout is tried out on every host, with the language's own merge, and a var that would come out
differently is written with the hosts instead. What remains is equal, var by var and host by host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.documents.kinds import Kind
from reconciler.importing import writing
from reconciler.importing.ansible.inventory import ALL, UNGROUPED, Group, Host, Inventory
from reconciler.importing.ansible.values import GONE, Values
from reconciler.importing.proposals import Notes, Proposal, listed
from schema.merging import merge, settle

DIRECTORY: Final = "hosts"
MAX_HOSTS_IN_FILE: Final = 2_000
MAX_LIFTS: Final = 8
"""Times that roles are tried again with a var that some of them cannot say."""
MAX_CHARS_IN_FILE: Final = 512 * 1024
"""Half of what a file may have."""

_HOSTNAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.IGNORECASE
)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._@+-]+")
_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


@dataclass(frozen=True)
class _Clean:
    """An inventory whose vars can all be said."""

    inventory: Inventory
    groups: Mapping[str, Mapping[str, Any]]
    """Group → its own vars, the stronger over the weaker."""
    own: Mapping[str, Mapping[str, Any]]
    """Host → its own vars."""
    resolved: Mapping[str, Mapping[str, Any]]
    """Host → what all layers come to."""
    hosts: Sequence[Host]
    """Those that can be matched."""


def propose(inventory: Inventory, name: str) -> Proposal:
    """The files that say the same as an inventory, and notes on what they do not say.

    Args:
        name: of the inventory, for the comment above each file.
    """
    notes = inventory.notes
    clean = _cleaned(inventory, notes)
    nested, flat = (_differing(clean, nested=each) for each in (True, False))
    # The shorter form, in which a role brings what it is below, unless that says something else.
    is_nested, apart = (True, nested) if len(nested) <= len(flat) else (False, flat)
    if apart:
        message = (
            f"{listed(sorted(apart))}: Ansible replaces what Vigo would merge, or orders groups otherwise; "
            "written with the innermost group, or with each host"
        )
        notes.add("precedence", message)
    lifted = _lifted(clean, apart, nested=is_nested)
    roles = _role_names(clean, notes)
    comment = f"Imported from Ansible's inventory {name}."
    proposal = Proposal({}, notes, hosts={host.name.lower(): dict(clean.resolved[host.name]) for host in clean.hosts})
    common = _without(clean.groups[ALL], apart)
    if common:
        note = f"{comment}\nThe group all: what every host below here inherits."
        path = f"{DIRECTORY}/common.vgo"
        proposal.files[path] = writing.document(Kind.INHERITED, {"vars": common}, comment=note)
    for group in _used(clean):
        proposal.roles[roles[group.name]] = _role(group, clean, roles, apart, lifted, nested=is_nested)
    proposal.files |= _leaves(clean, roles, apart, lifted, comment, nested=is_nested)
    return proposal


# what can be said


def _cleaned(inventory: Inventory, notes: Notes) -> _Clean:
    values = Values(notes)
    groups: dict[str, dict[str, Any]] = {}
    layers: dict[int, dict[str, Any]] = {}
    for group in inventory.groups.values():
        parts = [values.clean("group", group.name, said) for said in (group.vars, *group.file_vars)]
        layers.update(zip((id(said) for said in (group.vars, *group.file_vars)), parts, strict=True))
        groups[group.name] = {key: value for part in parts for key, value in part.items()}
    for host in inventory.hosts.values():
        for said in (host.vars, *host.file_vars):
            layers[id(said)] = values.clean("host", host.name, said)
    values.sum_up()
    _leave_unseen(inventory, groups, layers, notes)
    hosts = _matchable(inventory, notes)
    resolved = {}
    for host in hosts:
        merged: dict[str, Any] = {}
        for _, said in inventory.layers(host):
            merged.update(layers[id(said)])
        resolved[host.name] = _sayable(merged)
    own = {
        host.name: {key: value for said in (host.vars, *host.file_vars) for key, value in layers[id(said)].items()}
        for host in hosts
    }
    return _Clean(
        inventory,
        {name: _sayable(said) for name, said in groups.items()},
        {name: _sayable(said) for name, said in own.items()},
        resolved,
        hosts,
    )


def _leave_unseen(
    inventory: Inventory, groups: Mapping[str, dict[str, Any]], layers: Mapping[int, dict[str, Any]], notes: Notes
) -> None:
    """Take away what a group says in the inventory and `group_vars/all` beats everywhere, which surprises many."""
    beaten = {key for said in inventory.groups[ALL].file_vars for key in layers[id(said)]}
    for group in inventory.groups.values() if beaten else ():
        if group.name == ALL:
            continue
        later = {key for each in group.file_vars for key in layers[id(each)]}
        for key in [key for key in layers[id(group.vars)] if key in beaten and key not in later]:
            groups[group.name].pop(key, None)
            notes.add(f"group {group.name}: {key}", "never seen by a host, since group_vars/all beats it: left out")


def _matchable(inventory: Inventory, notes: Notes) -> list[Host]:
    found: dict[str, Host] = {}
    odd: list[str] = []
    aliases: list[str] = []
    for host in inventory.hosts.values():
        folded = host.name.lower()
        if not _HOSTNAME.fullmatch(folded) or folded in found:
            odd.append(host.name)
            continue
        found[folded] = host
        address = inventory.resolved(host).get("ansible_host")
        if isinstance(address, str) and address.lower() != folded and not _ADDRESS.fullmatch(address):
            aliases.append(f"{host.name} ({address})")
    if odd:
        notes.add("hosts", f"{listed(odd)}: no host names, or the same but for case; left out")
    if aliases:
        message = f"{listed(aliases)}: Ansible's alias is not the name in ansible_host; `match` has the alias"
        notes.add("hosts", message)
    return list(found.values())


def _sayable(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not GONE}


def _without(said: Mapping[str, Any], apart: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in apart}


# the same in the language


def _listed_roles(clean: _Clean, host: Host, *, nested: bool) -> tuple[str, ...]:
    names = host.direct if nested else host.groups
    return tuple(name for name in names if name != UNGROUPED or clean.groups[UNGROUPED])


def _differing(clean: _Clean, *, nested: bool) -> set[str]:
    """Vars that some host would not have as Ansible gives them."""
    differing: set[str] = set()
    below: dict[tuple[str, ...], dict[str, Any]] = {}
    for host in clean.hosts:
        roles = _listed_roles(clean, host, nested=nested)
        if roles not in below:
            merged = dict(clean.groups[ALL])
            for name in _expanded(clean.inventory, roles) if nested else roles:
                merged = merge(merged, clean.groups[name])
            below[roles] = merged
        found = settle(merge(below[roles], clean.own[host.name]))
        desired = clean.resolved[host.name]
        for key in found.keys() | desired.keys():
            if key not in found or key not in desired or not same(found[key], desired[key]):
                differing.add(key)
    return differing


def _lifted(clean: _Clean, apart: set[str], *, nested: bool) -> dict[str, dict[str, Any]]:
    """Group → those of the vars set apart that its role can say for all hosts which list it last.

    Tried out as the whole layout is: a role that would then say something to other hosts, too, is left without.
    """
    chains = {}
    for host in clean.hosts:
        roles = _listed_roles(clean, host, nested=nested)
        chains[host.name] = (_expanded(clean.inventory, roles) if nested else list(roles), roles[-1] if roles else "")
    lifted: dict[str, dict[str, Any]] = {}
    for key in sorted(apart):
        shared = _shared(clean, key, chains)
        for _ in range(MAX_LIFTS):
            wrong = {
                role
                for name, (chain, last) in chains.items()
                if not _comes_to(clean.resolved[name], key, chain, last, shared)
                for role in chain
            }
            if not wrong.intersection(shared):
                break
            shared = {role: value for role, value in shared.items() if role not in wrong}
        else:
            shared = {}
        for role, value in shared.items():
            lifted.setdefault(role, {})[key] = value
    return lifted


def _shared(clean: _Clean, key: str, chains: Mapping[str, tuple[list[str], str]]) -> dict[str, Any]:
    """Role → the value of a var, where all hosts that list the role last have that one."""
    found: dict[str, Any] = {}
    mixed: set[str] = set()
    for name, (_, last) in chains.items():
        resolved = clean.resolved[name]
        if not last or key not in resolved or (last in found and not same(found[last], resolved[key])):
            mixed.add(last)
        else:
            found.setdefault(last, resolved[key])
    return {role: value for role, value in found.items() if role not in mixed}


def _comes_to(
    resolved: Mapping[str, Any], key: str, chain: Sequence[str], last: str, shared: Mapping[str, Any]
) -> bool:
    """Whether a host has its var when roles say it so, and the host itself where the last of them does not."""
    merged: dict[str, Any] = {}
    for role in chain:
        if role in shared:
            merged = merge(merged, {key: shared[role]})
    if key in resolved and last not in shared:
        merged = merge(merged, {key: resolved[key]})
    merged = settle(merged)
    return same(merged[key], resolved[key]) if key in resolved and key in merged else key not in resolved and not merged


def _expanded(inventory: Inventory, roles: Sequence[str]) -> list[str]:
    """Roles with their includes before them, each once: as the language expands them."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in found:
            for parent in _parents(inventory, name):
                visit(parent)
            found[name] = None

    for name in roles:
        visit(name)
    return list(found)


def _parents(inventory: Inventory, name: str) -> list[str]:
    groups = inventory.groups
    parents = (groups[each] for each in groups[name].parents if each != ALL)
    return [each.name for each in sorted(parents, key=lambda each: (each.depth, each.priority, each.name))]


def same(one: Any, other: Any) -> bool:
    """Whether two values are one, `1` and `true` and `1.0` being three."""
    if one is other:
        return True
    return (
        type(one) is type(other)
        and one == other
        and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


# documents


def _used(clean: _Clean) -> list[Group]:
    """Groups that become roles: all that there are, but for the two that Ansible makes, where they say nothing."""
    return [
        group
        for group in clean.inventory.groups.values()
        if group.name != ALL and (group.name != UNGROUPED or clean.groups[UNGROUPED])
    ]


def _role_names(clean: _Clean, notes: Notes) -> dict[str, str]:
    """Group → role; a name that roles cannot have is changed."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for group in clean.inventory.groups:
        safe = _UNSAFE.sub("-", group).lstrip("._@+-")[:100] or "group"
        number = 1
        name = safe
        while name in taken:
            number += 1
            name = f"{safe}-{number}"
        taken.add(name)
        names[group] = name
        if name != group:
            notes.add(f"group {group}", f"became the role {name}")
    return names


def _role(
    group: Group,
    clean: _Clean,
    roles: Mapping[str, str],
    apart: set[str],
    lifted: Mapping[str, Mapping[str, Any]],
    *,
    nested: bool,
) -> dict[str, Any]:
    entry: dict[str, Any] = {"description": f"Ansible's group {group.name}."}
    # A group that a host is in has all groups above it as roles, so none of these is missing.
    includes = [roles[name] for name in _parents(clean.inventory, group.name)] if nested else []
    if includes:
        entry["includes"] = includes
    vars_ = _without(clean.groups[group.name], apart) | dict(lifted.get(group.name, {}))
    if vars_:
        entry["vars"] = vars_
    return entry


def _leaves(
    clean: _Clean,
    roles: Mapping[str, str],
    apart: set[str],
    lifted: Mapping[str, Mapping[str, Any]],
    comment: str,
    *,
    nested: bool,
) -> dict[str, bytes]:
    """Match blocks, a file for each group that hosts are in most closely."""
    blocks: dict[str, list[dict[str, Any]]] = {}
    for host in clean.hosts:
        block: dict[str, Any] = {"match": host.name}
        named = _listed_roles(clean, host, nested=nested)
        if named:
            block["roles"] = [roles[name] for name in named]
        resolved = clean.resolved[host.name]
        given = lifted.get(named[-1], {}) if named else {}
        own = _without(clean.own[host.name], apart)
        own |= {key: resolved[key] for key in sorted(apart) if key in resolved and key not in given}
        if own:
            block["vars"] = own
        blocks.setdefault(roles[host.direct[-1]], []).append(block)
    found: dict[str, bytes] = {}
    for group in sorted(blocks):
        # `common` and its like are names of other kinds of files.
        stem = f"{group}-hosts" if group in _TAKEN_STEMS else group
        for number, chunk in enumerate(_chunks(blocks[group]), 1):
            path = f"{DIRECTORY}/{stem}.vgo" if number == 1 else f"{DIRECTORY}/{stem}-part{number}.vgo"
            found[path] = writing.document(Kind.LEAF, {"envoys": chunk}, comment=comment)
    return found


_TAKEN_STEMS: Final = frozenset(
    {
        *("common", "environments", "waivers", "compliance", "roles", "vigo", "rollout", "invariants", "users"),
        *("alerts", "channels", "schedules", "budgets", "scope", "policies", "projects", "extensions"),
    }
)


def _chunks(blocks: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for block in blocks:
        length = 2 * len(json.dumps(block)) + 64
        if chunk and (len(chunk) >= MAX_HOSTS_IN_FILE or size + length > MAX_CHARS_IN_FILE):
            yield chunk
            chunk, size = [], 0
        chunk.append(block)
        size += length
    yield chunk
