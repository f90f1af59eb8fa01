"""An inventory in memory: groups, hosts, what they are told, and the order in which Ansible lets them speak.

Weakest first: `all` and then the groups of the inventory itself, by depth, priority and name; the same order over
`group_vars`; then the host's own. A stronger value replaces a weaker one whole, maps too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.importing.ansible.patterns import MAX_HOSTS
from reconciler.importing.proposals import ImportRefused, Notes

MAX_GROUPS: Final = 10_000
MAX_DEPTH: Final = 64
MAX_MEMBERS: Final = 2_000_000
"""Memberships of hosts in groups, those by way of children too."""

ALL: Final = "all"
UNGROUPED: Final = "ungrouped"
PRIORITY: Final = "ansible_group_priority"


@dataclass(eq=False)
class Group:
    """One group."""

    name: str
    vars: dict[str, Any] = field(default_factory=dict)
    """From the inventory itself."""
    file_vars: list[dict[str, Any]] = field(default_factory=list)
    """From `group_vars` beside the inventory, then beside the playbooks."""
    parents: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    priority: int = 1
    depth: int = 0


@dataclass(eq=False)
class Host:
    """One host."""

    name: str
    vars: dict[str, Any] = field(default_factory=dict)
    """From the inventory itself."""
    file_vars: list[dict[str, Any]] = field(default_factory=list)
    groups: tuple[str, ...] = ()
    """All that it is in, `all` aside, weakest first; known when the inventory is complete."""
    direct: tuple[str, ...] = ()
    """Those that name it, in the same order."""


class Inventory:
    """Groups and hosts as they are being read; `complete` ends that."""

    def __init__(self, notes: Notes) -> None:
        self.notes: Final = notes
        self.groups: Final[dict[str, Group]] = {ALL: Group(ALL), UNGROUPED: Group(UNGROUPED)}
        self.hosts: Final[dict[str, Host]] = {}

    def group(self, name: str) -> Group:
        """A group by name, made when it is new."""
        if not name or not isinstance(name, str):
            raise ImportRefused(f"{name!r} is no name of a group")
        found = self.groups.get(name)
        if found is None:
            if len(self.groups) >= MAX_GROUPS:
                raise ImportRefused(f"more than {MAX_GROUPS} groups")
            found = self.groups[name] = Group(name)
        return found

    def host(self, name: str, group: str) -> Host:
        """A host by name, made when it is new, as a member of a group."""
        found = self.hosts.get(name)
        if found is None:
            if len(self.hosts) >= MAX_HOSTS:
                raise ImportRefused(f"more than {MAX_HOSTS} hosts")
            found = self.hosts[name] = Host(name)
        self.group(group).hosts[name] = None
        return found

    def child(self, parent: str, child: str) -> None:
        """Make a group the child of another.

        Raises:
            ImportRefused: of itself.
        """
        if parent == child:
            raise ImportRefused(f"group {child} is its own child")
        self.group(parent)
        self.group(child).parents[parent] = None

    def set(self, group: str, key: str, value: Any) -> None:
        """Set a var of a group; the one that is its priority is not one."""
        if key == PRIORITY:
            try:
                self.group(group).priority = int(value)
            except (TypeError, ValueError) as error:
                raise ImportRefused(f"group {group}: {PRIORITY} is no number") from error
        else:
            self.group(group).vars[key] = value

    def complete(self) -> None:
        """Put every group below `all`, every host in a group, and each host's groups in order.

        Raises:
            ImportRefused: groups are each other's children, or nested too deep.
        """
        for group in self.groups.values():
            if group.name != ALL and not group.parents:
                group.parents[ALL] = None
        for depth, name in self._by_depth():
            self.groups[name].depth = depth
        members: dict[str, dict[str, None]] = {name: {} for name in self.hosts}
        for group in self.groups.values():
            for name in group.hosts:
                members[name][group.name] = None
        above = {name: self._above(name) for name in self.groups}
        told = 0
        for name, direct in members.items():
            own = [each for each in direct if each != ALL]
            if len(own) > 1 or not own:
                own = [each for each in own if each != UNGROUPED] or [UNGROUPED]
            self.hosts[name].direct = self._ordered(own)
            found = {each for group in own for each in above[group]}
            told += len(found)
            if told > MAX_MEMBERS:
                raise ImportRefused(f"more than {MAX_MEMBERS} memberships of hosts in groups")
            self.hosts[name].groups = self._ordered(found)

    def layers(self, host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
        """What speaks about a host, weakest first: where that is from, and what it says."""
        everyone, groups = self.groups[ALL], [self.groups[name] for name in host.groups]
        yield ALL, everyone.vars
        for group in groups:
            yield group.name, group.vars
        for said in everyone.file_vars:
            yield ALL, said
        count = max((len(group.file_vars) for group in groups), default=0)
        for at in range(count):
            for group in groups:
                if at < len(group.file_vars):
                    yield group.name, group.file_vars[at]
        yield "", host.vars
        for said in host.file_vars:
            yield "", said

    def resolved(self, host: Host) -> dict[str, Any]:
        """What Ansible makes of all layers of a host."""
        merged: dict[str, Any] = {}
        for _, said in self.layers(host):
            merged.update(said)
        return merged

    def _ordered(self, names: Any) -> tuple[str, ...]:
        chosen = (self.groups[name] for name in names if name != ALL)
        return tuple(each.name for each in sorted(chosen, key=lambda each: (each.depth, each.priority, each.name)))

    def _above(self, name: str) -> frozenset[str]:
        """A group and all that it is below."""
        found: set[str] = set()
        way = [name]
        while way:
            each = way.pop()
            if each not in found:
                found.add(each)
                way += self.groups[each].parents
        return frozenset(found)

    def _by_depth(self) -> Iterator[tuple[int, str]]:
        """Each group at the end of the longest way down to it from `all`."""
        waiting = {name: len(group.parents) for name, group in self.groups.items()}
        children: dict[str, list[str]] = {}
        for name, group in self.groups.items():
            for parent in group.parents:
                children.setdefault(parent, []).append(name)
        level, depth = [ALL] if not waiting[ALL] else [], 0
        seen = 0
        while level:
            below: list[str] = []
            for name in level:
                seen += 1
                yield depth, name
                for child in children.get(name, ()):
                    waiting[child] -= 1
                    if not waiting[child]:
                        below.append(child)
            level, depth = below, depth + 1
            if depth > MAX_DEPTH:
                raise ImportRefused(f"groups are nested deeper than {MAX_DEPTH}")
        if seen < len(self.groups):
            rest = sorted(name for name, count in waiting.items() if count)
            raise ImportRefused(f"groups are each other's children: {', '.join(rest[:5])}")
