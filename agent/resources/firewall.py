"""One rule of the host's firewall, in whichever of three tools keeps it. See `FirewallSpec`.

nftables: a table of our own, replaced in one transaction. ufw and firewalld: their own rules, added before others are
removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import firewalld, nft, ufw
from schema.resources.firewall import FirewallSpec

_PROGRAMS: Final = {"nftables": "nft", "ufw": "ufw", "firewalld": "firewall-cmd"}


class FirewallState(NamedTuple):
    """The rule as it was found."""

    backend: str
    before: tuple[str, ...]
    """What is kept of it."""
    after: tuple[str, ...]
    """What should be."""
    in_force: bool
    """Whether what should be is in force, and nothing else of this name."""
    boot: str = ""
    """The file that does not load the rules when the host starts."""
    note: str = ""


def check(host: Host, spec: FirewallSpec) -> FirewallState:
    """See `ResourceType`."""
    backend = _backend(host, spec)
    if backend == "ufw":
        held, desired = ufw.added(host, spec.rule), ufw.rules(spec)
        same = {rule.tag for rule in held} == {rule.tag for rule in desired}
        texts = [tuple(" ".join(rule.words) for rule in rules) for rules in (held, desired)]
        note = "" if ufw.enabled(host) else "ufw is not enabled: no rule is in force"
        # ufw writes a rule in its own words: what says that it is ours and the same is the comment.
        return FirewallState(backend, texts[1] if same else texts[0], texts[1], in_force=True, note=note)
    if backend == "firewalld":
        known, wanted = firewalld.known(host), firewalld.rules(spec)
        old = known.of(spec.rule)
        there = known.now & known.later
        stale = (set(old) - set(wanted)) & (known.now | known.later)
        return FirewallState(backend, tuple(old), tuple(wanted), in_force=there >= set(wanted) and not stale)
    saved, rules = nft.saved(host), sorted(nft.rules(spec))
    mine = [rule for rule in saved.rules if rule.name == spec.rule]
    tags = sorted(tag for tag in nft.live(host) if tag.split(":")[2] == spec.rule)
    boot = "" if saved.included or not rules else saved.boot
    note = "" if saved.boot else "nothing loads nftables at boot: until the agent runs there are no rules"
    return FirewallState(
        backend,
        tuple(rule.text for rule in mine),
        tuple(rule.text for rule in rules),
        in_force=tags == sorted(rule.tag for rule in rules),
        boot=boot,
        note=note if rules else "",
    )


def diff(spec: FirewallSpec, state: FirewallState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    if state.before != state.after:
        found.append(Change("rule", _shown(state.before), _shown(state.after)))
    elif not state.in_force:
        words = ("not in force", "in force")
        found.append(Change("live", *(words if spec.state == "present" else words[::-1])))
    if state.boot:
        found.append(Change("boot", None, f"included in {state.boot}"))
    return found


def apply(host: Host, spec: FirewallSpec, state: FirewallState) -> None:
    """See `ResourceType`."""
    if state.backend == "ufw":
        ufw.put(host, ufw.added(host, spec.rule), ufw.rules(spec))
    elif state.backend == "firewalld":
        firewalld.put(host, spec.rule, firewalld.known(host), firewalld.rules(spec))
    else:
        saved = nft.saved(host)
        nft.put(host, saved, [*(rule for rule in saved.rules if rule.name != spec.rule), *nft.rules(spec)])


def action(spec: FirewallSpec, state: FirewallState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "update" if state.before else "create"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    if any(host.which(program) for program in _PROGRAMS.values()):
        return None
    return "needs nftables, ufw or firewalld, none of which this host has"


def may_cut_off(_spec: FirewallSpec) -> bool:
    """Even one that allows: it may replace one that allowed more."""
    return True


def paths(_spec: FirewallSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (nft.FILE,)


def touches(host: Host, spec: FirewallSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return {"ufw": ufw.FILES, "firewalld": firewalld.files(host)}.get(_backend(host, spec), ())


def reread(host: Host, spec: FirewallSpec) -> None:
    """See `ResourceType`."""
    {"ufw": ufw.reload, "firewalld": firewalld.reload, "nftables": nft.reload}[_backend(host, spec)](host)


FIREWALL: Final = ResourceType(
    spec=FirewallSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    may_cut_off=may_cut_off,
    touches=touches,
    reread=reread,
    paths=paths,
    of_machine=True,
    needs_network=True,  # ufw and firewalld call iptables, whose older form asks the kernel through a network socket
    unseen="rules that the kernel has and the files do not, and the files of ufw and firewalld",
)


def _backend(host: Host, spec: FirewallSpec) -> str:
    """Who keeps this host's firewall."""
    chosen: str = spec.backend
    if chosen == "auto":
        chosen = "ufw" if ufw.enabled(host) else "firewalld" if firewalld.running(host) else "nftables"
    if host.which(_PROGRAMS[chosen]) is None:
        raise ResourceFailed(f"needs {_PROGRAMS[chosen]}, which this host does not have")
    return chosen


def _shown(rules: Sequence[str]) -> str | None:
    return "; ".join(rule.partition(" comment ")[0] for rule in rules) or None
