"""ufw(8): rules that carry their name and a digest of their words as a comment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault
from schema.ids import sha256
from schema.resources.firewall import FirewallSpec

CONFIG: Final = "/etc/ufw/ufw.conf"
FILES: Final = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")
"""Where ufw writes down what was added."""
TIMEOUT_S: Final = 120.0
_ADDED: Final = "ufw added"
_TAG: Final = re.compile(r"^vigo:([^:]+):[0-9a-f]{12}$")


class Added(NamedTuple):
    """A rule that ufw has."""

    tag: str
    words: tuple[str, ...]
    """How it is told to ufw, without the comment."""


def enabled(host: Host) -> bool:
    """Whether it keeps this host's firewall."""
    if host.which("ufw") is None or host.lstat(CONFIG) is None:
        return False
    return any(line.strip() == "ENABLED=yes" for line in host.read(CONFIG).decode("utf-8", "replace").splitlines())


def rules(spec: FirewallSpec) -> list[Added]:
    """What a resource comes to: a rule for each pair of a source and a destination.

    Raises:
        HostFault: ufw has no words for it.
    """
    if spec.state == "absent":
        return []
    if spec.protocol == "icmp":
        raise HostFault("ufw has no rules about icmp: they are in /etc/ufw/before.rules")
    where = [spec.direction, *(["on", spec.interface] if spec.interface else [])]
    what = [] if spec.protocol == "any" else ["proto", spec.protocol]
    ports = ["port", ",".join(port.replace("-", ":") for port in spec.ports)] if spec.ports else []
    found = []
    for source, target in spec.pairs:
        words = (spec.action, *where, *what, "from", source or "any", "to", target or "any", *ports)
        found.append(Added(f"vigo:{spec.rule}:{sha256(' '.join(words).encode())[:12]}", words))
    return found


def added(host: Host, name: str) -> Sequence[Added]:
    """The rules of a name; one query for all resources.

    Raises:
        HostFault: ufw does not answer.
    """
    known: Mapping[str, list[Added]] | None = host.memo.get(_ADDED)
    if known is None:
        ran = host.run(["ufw", "show", "added"], timeout_s=TIMEOUT_S)
        if ran.code != 0:
            raise HostFault(f"ufw: {ran.complaint}")
        found: dict[str, list[Added]] = {}
        for line in ran.text.splitlines():
            words = shlex.split(line) if line.startswith("ufw ") else []
            if len(words) > 3 and words[-2] == "comment" and (match := _TAG.match(words[-1])):
                found.setdefault(match[1], []).append(Added(words[-1], tuple(words[1:-2])))
        known = host.memo[_ADDED] = found
    return known.get(name, [])


def put(host: Host, held: Sequence[Added], desired: Sequence[Added]) -> None:
    """Add what is missing, then remove what is too much: what is let through before and after is so between.

    Raises:
        HostFault: ufw refuses.
    """
    there, wanted = {rule.tag for rule in held}, {rule.tag for rule in desired}
    for rule in desired:
        if rule.tag not in there:
            _run(host, *rule.words, "comment", rule.tag)
    for rule in held:
        if rule.tag not in wanted:
            _run(host, "--force", "delete", *rule.words)


def reload(host: Host) -> None:
    """Make what is in force follow the files.

    Raises:
        HostFault: ufw refuses.
    """
    _run(host, "reload")


def _run(host: Host, *words: str) -> None:
    ran = host.run(["ufw", *words], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"ufw: {ran.complaint}")
