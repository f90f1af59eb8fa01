"""nft(8): rules in a table of our own, `inet vigo`, kept in one file that replaces the table in one transaction.

The file is the truth about which rules there are. Each rule in it carries its order, its name and a digest of its text
as a comment, which the kernel gives back: so what is in force is compared without understanding how nft writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.tools import owned_file, parts
from schema.ids import sha256
from schema.resources.base import PartSpec
from schema.resources.firewall import FirewallSpec

FILE: Final = "/etc/nftables/vigo.nft"
BOOT: Final = ("/etc/sysconfig/nftables.conf", "/etc/nftables.conf", "/etc/nftables.nft")
"""What is loaded when the host starts: Fedora's, Debian's, Alpine's."""
INCLUDE: Final = f'include "{FILE}"'
TABLE: Final = "inet vigo"
TIMEOUT_S: Final = 60.0
_LIVE: Final = "nft live"
_TAG: Final = re.compile(r'comment "(vigo:(\d+):([^:"]+):[0-9a-f]{12})"')
_CHAINS: Final = {"in": "input", "out": "output"}
_VERDICTS: Final = {"allow": "accept", "deny": "drop", "reject": "reject"}
_NEIGHBOURS: Final = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert }"
"""Without them no address of IPv6 can be reached."""


class Rule(NamedTuple):
    """One rule of the table."""

    direction: str
    order: int
    name: str
    text: str

    @property
    def tag(self) -> str:
        """What its comment says."""
        match = _TAG.search(self.text)
        assert match is not None
        return match[1]


class Saved(NamedTuple):
    """The file, and what is loaded at boot."""

    file: owned_file.OwnedFile
    rules: tuple[Rule, ...]
    boot: str
    """The file that should include ours; empty when there is none."""
    included: bool


def rules(spec: FirewallSpec) -> list[Rule]:
    """What a resource comes to: a rule for each family that its addresses are of."""
    if spec.state == "absent":
        return []
    name = {"in": "iifname", "out": "oifname"}[spec.direction]
    common = [f'{name} "{spec.interface}"'] if spec.interface else []
    last = []
    if spec.ports:
        last = [f"{spec.protocol} dport {{ {', '.join(dict.fromkeys(spec.ports))} }}"]
    elif spec.protocol == "icmp":
        last = ["meta l4proto { icmp, ipv6-icmp }"]
    elif spec.protocol != "any":
        last = [f"meta l4proto {spec.protocol}"]
    found = []
    for addresses in _families(spec):
        text = " ".join([*common, *addresses, *last, _VERDICTS[spec.action]])
        tag = f"vigo:{spec.order}:{spec.rule}:{sha256(f'{spec.direction} {text}'.encode())[:12]}"
        found.append(Rule(spec.direction, spec.order, spec.rule, f'{text} comment "{tag}"'))
    return found


def saved(host: Host) -> Saved:
    """The rules of the file, and whether it is loaded at boot."""
    file = owned_file.read(host, FILE)
    boot = next((path for path in BOOT if (stat := host.lstat(path)) is not None and stat.kind is Kind.FILE), "")
    included = not boot or INCLUDE in (line.strip() for line in parts.read(host, PartSpec(path=boot)).lines)
    text = (file.content or b"").decode("utf-8", "replace")
    return Saved(file, tuple(_parsed(text)), boot, included)


def live(host: Host) -> tuple[str, ...]:
    """The comments of the rules that are in force, in order; one query for all resources.

    Raises:
        HostFault: nft does not answer.
    """
    known: tuple[str, ...] | None = host.memo.get(_LIVE)
    if known is None:
        ran = host.run(["nft", "list", "tables", "inet"], timeout_s=TIMEOUT_S)
        if ran.code == 0 and f"table {TABLE}" in ran.text.splitlines():
            ran = host.run(["nft", "list", "table", *TABLE.split()], timeout_s=TIMEOUT_S)
        if ran.code != 0:
            raise HostFault(f"nft: {ran.complaint}")
        known = host.memo[_LIVE] = tuple(match[1] for match in _TAG.finditer(ran.text))
    return known


def put(host: Host, found: Saved, after: Sequence[Rule]) -> None:
    """Write the file with these rules, have it included at boot, and replace the table by it in one transaction.

    Raises:
        HostFault: nft refuses it; then all is as it was.
    """
    text = script(after)
    if text != found.file.content:
        owned_file.put(host, FILE, found.file, text, check=lambda candidate: _run(host, "-c", "-f", candidate))
    if not found.included:
        boot = PartSpec(path=found.boot)
        whole = parts.read(host, boot)
        parts.write(host, boot, whole, whole.joined([*whole.lines, INCLUDE]))
    _run(host, "-f", FILE)


def reload(host: Host) -> None:
    """Make the table what the file says; remove it where there is none.

    Raises:
        HostFault: nft refuses.
    """
    if host.lstat(FILE) is not None:
        _run(host, "-f", FILE)
        return
    ran = host.run(["nft", "-f", "-"], input=f"table {TABLE}\ndelete table {TABLE}\n".encode(), timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"nft: {ran.complaint}")


def script(after: Sequence[Rule]) -> bytes:
    """The file: the first two lines make the table, so that the second can remove it whether or not it was there."""
    lines = [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    for direction, chain in _CHAINS.items():
        lines += [f"\tchain {chain} {{", f"\t\ttype filter hook {chain} priority 0; policy accept;"]
        lines += [
            "\t\tct state established,related accept",
            f'\t\t{chain[0]}if "lo" accept',
            f"\t\t{_NEIGHBOURS} accept",
        ]
        lines += [f"\t\t{rule.text}" for rule in sorted(after) if rule.direction == direction]
        lines += ["\t}"]
    lines += ["}"]
    return (owned_file.HEADER + "".join(f"{line}\n" for line in lines)).encode()


def _families(spec: FirewallSpec) -> Iterator[list[str]]:
    """How a rule says its addresses, for each family that it is about."""
    if not spec.source and not spec.destination:
        yield []
        return
    for six, word in ((False, "ip"), (True, "ip6")):
        said, lacking = [], False
        for key, networks in (("saddr", spec.source), ("daddr", spec.destination)):
            mine = [network for network in dict.fromkeys(networks) if (":" in network) == six]
            lacking = lacking or bool(networks and not mine)
            if mine:
                said.append(f"{word} {key} {{ {', '.join(mine)} }}")
        if said and not lacking:
            yield said


def _parsed(text: str) -> Iterator[Rule]:
    direction = ""
    for line in text.splitlines():
        for each, chain in _CHAINS.items():
            if line.strip() == f"chain {chain} {{":
                direction = each
        if direction and (match := _TAG.search(line)):
            yield Rule(direction, int(match[2]), match[3], line.strip())


def _run(host: Host, *words: str) -> None:
    ran = host.run(["nft", *words], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"nft: {ran.complaint}")
