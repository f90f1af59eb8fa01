"""firewall-cmd(1): rich rules of the default zone, both now and after a restart.

A rich rule has no name, so which rules are whose is written down in a file of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.tools import owned_file
from schema.resources.firewall import FirewallSpec

RECORD: Final = "/etc/firewalld/vigo.rules"
ZONES: Final = "/etc/firewalld/zones"
MAX_ZONES: Final = 200
RUNNING: Final = "/run/firewalld"
TIMEOUT_S: Final = 120.0
_LISTED: Final = "firewalld rules"
_VERDICTS: Final = {"allow": "accept", "deny": "drop", "reject": "reject"}


class Known(NamedTuple):
    """What is written down, and what is in force."""

    file: owned_file.OwnedFile
    record: tuple[tuple[str, str], ...]
    """Name and rule."""
    now: frozenset[str]
    later: frozenset[str]
    """After a restart."""

    def of(self, name: str) -> list[str]:
        """The rules of a name, as written down."""
        return [rule for each, rule in self.record if each == name]


def running(host: Host) -> bool:
    """Whether it keeps this host's firewall."""
    return host.which("firewall-cmd") is not None and host.lstat(RUNNING) is not None


def rules(spec: FirewallSpec) -> list[str]:
    """What a resource comes to, as `Rich_Rule` of firewalld writes it: one for each pair of addresses and port, sorted.

    Raises:
        HostFault: a zone of firewalld has no words for it.
    """
    if spec.state == "absent":
        return []
    if spec.direction == "out" or spec.interface:
        raise HostFault("a zone of firewalld is about what comes in, at whichever interface it has: give neither")
    element: list[str] = [f'port port="{port}" protocol="{spec.protocol}"' for port in spec.ports]
    if not element and spec.protocol == "icmp":
        element = ['protocol value="icmp"', 'protocol value="ipv6-icmp"']
    elif not element:
        element = [] if spec.protocol == "any" else [f'protocol value="{spec.protocol}"']
    found = []
    for source, target in spec.pairs:
        family = [f'family="ipv{6 if ":" in source + target else 4}"'] if source or target else []
        addresses = [f'source address="{source}"'] if source else []
        addresses += [f'destination address="{target}"'] if target else []
        for each in element or [""]:
            order = [f'priority="{spec.order}"'] if spec.order else []
            words = ["rule", *order, *family, *addresses, each, _VERDICTS[spec.action]]
            found.append(" ".join(word for word in words if word))
    return sorted(set(found))


def known(host: Host) -> Known:
    """What is written down, and what is in force: two queries for all resources.

    Raises:
        HostFault: firewalld does not answer.
    """
    file = owned_file.read(host, RECORD)
    listed: tuple[frozenset[str], frozenset[str]] | None = host.memo.get(_LISTED)
    if listed is None:
        listed = host.memo[_LISTED] = (_rules(host), _rules(host, "--permanent"))
    lines = (file.content or b"").decode("utf-8", "replace").splitlines()
    pairs = (line.partition("\t") for line in lines if "\t" in line)
    return Known(file, tuple((name, rule) for name, _, rule in pairs), *listed)


def put(host: Host, name: str, found: Known, desired: Sequence[str]) -> None:
    """Make these the rules of a name. What is to be removed is forgotten last, so that it is not left behind.

    Raises:
        HostFault: firewalld refuses.
    """
    old = found.of(name)
    others = [(each, rule) for each, rule in found.record if each != name]
    taken = {rule for _, rule in others}
    _write(host, [*others, *((name, rule) for rule in dict.fromkeys([*old, *desired]))])
    for rule in desired:
        if rule not in found.later:
            _run(host, "--permanent", f"--add-rich-rule={rule}")
        if rule not in found.now:
            _run(host, f"--add-rich-rule={rule}")
    for rule in old:
        if rule in desired or rule in taken:
            continue
        if rule in found.later:
            _run(host, "--permanent", f"--remove-rich-rule={rule}")
        if rule in found.now:
            _run(host, f"--remove-rich-rule={rule}")
    _write(host, [*others, *((name, rule) for rule in desired)])


def files(host: Host) -> Sequence[str]:
    """Where firewalld writes down what is permanent: the zones that somebody has changed, and its default one."""
    there = host.listdir(ZONES) if host.lstat(ZONES) is not None else []
    names = dict.fromkeys([*(name for name in there if name.endswith(".xml")), "public.xml"])
    return [f"{ZONES}/{name}" for name in names][:MAX_ZONES]


def reload(host: Host) -> None:
    """Make what is in force follow the files.

    Raises:
        HostFault: firewalld refuses.
    """
    _run(host, "--reload")


def _write(host: Host, record: Sequence[tuple[str, str]]) -> None:
    text = (owned_file.HEADER + "".join(f"{name}\t{rule}\n" for name, rule in sorted(record))).encode()
    file = owned_file.read(host, RECORD)
    if file.content != text:
        owned_file.put(host, RECORD, file, text)


def _rules(host: Host, *words: str) -> frozenset[str]:
    return frozenset(_run(host, *words, "--list-rich-rules").splitlines())


def _run(host: Host, *words: str) -> str:
    ran = host.run(["firewall-cmd", *words], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"firewall-cmd: {ran.complaint}")
    return ran.text
