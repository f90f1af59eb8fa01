"""What lets packets in: the one of ufw, firewalld, nftables and iptables that is in charge, and its rules by digest."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.hosts import Host, reach
from agent.traits import sources
from schema.ids import sha256

_TIMEOUT_S: Final = 5.0
_POLICY: Final = re.compile(r"hook input [^;]*; policy (\w+);")
_COUNTERS: Final = re.compile(r"counter packets \d+ bytes \d+|\[\d+:\d+\]")
_BLOCK: Final = re.compile(r"(table|chain|set|map|flowtable|type|policy|elements|flags|comment|devices|hook)\b")


def collect(host: Host) -> dict[str, Any]:
    """`firewall.*` of `schema.traits`.

    Raises:
        sources.Partly: only root may see the rules.
        LookupError: the program in charge does not answer.
    """
    ufw = sources.assignments(sources.readable(host, "/etc/ufw/ufw.conf")).get("ENABLED", "").lower() == "yes"
    firewalld = not host.confined and host.lstat("/run/firewalld") is not None
    if host.confined:
        return {"backend": "ufw" if ufw else "none", "active": ufw, "rules": 0}
    program = next((each for each in ("nft", "iptables-save") if host.which(each) is not None), None)
    if program is None:
        return {"backend": "ufw" if ufw else "none", "active": ufw, "rules": 0}
    manager = "ufw" if ufw else "firewalld" if firewalld else ""
    if not host.privileged:
        known = {"backend": manager or "none", "active": bool(manager), "rules": 0}
        raise sources.Partly(known, "the rules are told to root alone")
    found = _nft(host) if program == "nft" else _iptables(host)
    if program == "nft" and not found["rules"] and host.which("iptables-save") is not None:
        found = _iptables(host)  # the older kind of table, which nft(8) does not show
    return {**found, "backend": manager or found["backend"]}


def _nft(host: Host) -> dict[str, Any]:
    ran = host.run(["nft", "--stateless", "list", "ruleset"], timeout_s=_TIMEOUT_S)
    if ran.code != 0:
        raise LookupError(f"nft list ruleset: {ran.complaint}")
    lines = [line.strip() for line in ran.text.splitlines()]
    rules = [line for line in lines if line and line not in ("}", "{") and not _BLOCK.match(line)]
    return _found("nftables", ran.text, len(rules), [policy[1] for policy in _POLICY.finditer(ran.text)])


def _iptables(host: Host) -> dict[str, Any]:
    said = ""
    for program in ("iptables-save", "ip6tables-save"):
        if host.which(program) is not None:
            with reach.declared(True):  # noqa: FBT003 - the older kind asks the kernel through a socket of the network
                ran = host.run([program], timeout_s=_TIMEOUT_S)
            if ran.code != 0:
                raise LookupError(f"{program}: {ran.complaint}")
            said += "".join(f"{line}\n" for line in ran.text.splitlines() if not line.startswith("#"))
    policies = [line.split()[1].lower() for line in said.splitlines() if line.startswith(":INPUT ")]
    rules = sum(line.startswith("-A ") for line in said.splitlines())
    return _found("iptables", said, rules, policies)


def _found(backend: str, said: str, rules: int, policies: list[str]) -> dict[str, Any]:
    closed = "drop" in policies or "reject" in policies
    found: dict[str, Any] = {
        "backend": backend if rules or closed else "none",
        "active": bool(rules) or closed,
        "rules": rules,
    }
    if policies:
        found["input_policy"] = "drop" if closed else policies[0]
    if said.strip():
        found["sha256"] = sha256(_COUNTERS.sub("", said).encode())
    return found
