"""Proposing: which edit of the config describes most briefly what was found on some hosts.

Every candidate is applied to the tree and compiled; what it covers and whom else it reaches is read off the result. The
one with the fewest edits that covers exactly the hosts that drifted comes first (minimum description: what is written,
and ten for each host that it gets wrong). Where items of one list or users of one host share what is edited, only what
changes nothing but what drifted is a proposal at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.documents.edit import NotEditable
from reconciler.drifts import places as places_
from reconciler.drifts import saying, sites, solving
from reconciler.drifts.inverses import Inverse, Value, invert
from reconciler.drifts.places import ADDED, REPLACED, Place, Values, Write, within
from reconciler.drifts.sites import Site
from reconciler.drifts.solving import Edit, Path, Unsolved
from reconciler.drifts.trying import Candidate, Compile, Drifted, Proposal, Read, Trial, applied, few
from reconciler.graph import Graph, Profile
from schema.drifts import Level
from schema.expressions import Allowance, ExpressionError
from schema.secrets import find

MAX_CANDIDATES: Final = 16
MAX_PROFILES: Final = 100
"""Match blocks for which what was found is solved."""
MAX_REASONS: Final = 3
_ORDER: Final = tuple(Level)


class Proposed(NamedTuple):
    """What can be made desired of what was found, the briefest first."""

    changes: Mapping[str, Value]
    proposals: Sequence[Proposal]
    why: str = ""
    """Where there is no proposal: why."""


class _Edits(NamedTuple):
    vars: Values
    literals: Mapping[str, Value]
    """Attributes that are written in the crate as they are; `foreach` is the list of the items."""


def propose(graph: Graph, drifted: Drifted, hostnames: Sequence[str], compile_: Compile, read: Read) -> Proposed:
    """The edits after which what was found is what is desired, the one that says it most briefly first.

    Args:
        hostnames: of all hosts there are: whom an edit reaches is told of them.
        read: the bytes of a file of the graph's tree.
    """
    changes: Mapping[str, Value] = {}
    try:
        site = sites.site(graph, drifted.resource)
        profiles = sites.profiles(graph, site, drifted.hosts)
        inverse = _inverted(site, drifted)
        changes = inverse.changes
        edits = _edits(site, inverse, profiles, drifted)
        candidates = list(_candidates(graph, site, profiles, edits))[:MAX_CANDIDATES]
    except Unsolved as none:
        return Proposed(changes, (), str(none))
    trial = Trial(graph, drifted, site, changes, hostnames, compile_, read)
    tried: dict[tuple[tuple[str, bytes], ...], Proposal] = {}
    for candidate in sorted(candidates, key=lambda each: each.cost):
        made = trial.of(candidate)
        if made is not None:
            tried.setdefault(tuple(sorted(made.files.items())), made)
    found = tuple(sorted(tried.values(), key=lambda each: (each.cost, _ORDER.index(each.level), each.summary)))
    return Proposed(changes, found, "" if found else _none(trial))


def merged(
    graph: Graph, chosen: Sequence[tuple[Drifted, Proposed, Proposal]], compile_: Compile, read: Read
) -> Mapping[str, bytes]:
    """The files that several proposals change, with what all of them write; each still covers what it covered alone.

    Raises:
        NotEditable: they do not fit together.
    """
    before: dict[str, str] = {}
    texts = applied(graph, [proposal.candidate for _, _, proposal in chosen], before, read)
    files = {path: text.encode() for path, text in texts.items() if text != before[path]}
    other = compile_(files) if files else graph
    for drifted, proposed, proposal in chosen:
        trial = Trial(graph, drifted, sites.site(graph, drifted.resource), proposed.changes, (), compile_, read)
        if other is None or not set(proposal.covers) <= set(trial.covered(other)):
            raise NotEditable(
                f"together with others the proposal for {drifted.resource} does not come to what was found"
            )
    return files


def _none(trial: Trial) -> str:
    reasons = list(trial.refused)
    more = f"; and {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
    told = "; ".join(reasons[:MAX_REASONS]) + more
    return f"no edit of one place makes it desired{f': {told}' if told else ''}"


def _inverted(site: Site, drifted: Drifted) -> Inverse:
    inverse = invert(drifted.type, drifted.observed)
    if inverse.why:
        raise Unsolved(inverse.why)
    if site.written.type != drifted.type:
        raise Unsolved(f"it is a {site.written.type} in what is in force, and was a {drifted.type}")
    if "groups" in inverse.changes and site.written.spec.get("append", False) is not False:
        raise Unsolved("its groups are added to what there is (append), so that what was found is no list of them")
    if inverse.changes.get("state") == "absent" and site.name.mark:
        raise Unsolved(
            "it was removed, and is one of a foreach: without its item it would no longer be managed, which is not the"
            " same as absent; take the item from the list by hand, or give the items a state"
        )
    return inverse


def _edits(site: Site, inverse: Inverse, profiles: Mapping[str, Profile], drifted: Drifted) -> _Edits:
    """The vars that would have to be others, and the attributes that are written in the crate as they are."""
    literals: dict[str, Value] = {}
    templated: list[str] = []
    for name, value in inverse.changes.items():
        source = sites.content_of(site, name)
        verbatim = saying.is_verbatim(source)
        for text in value if isinstance(value, list) else [value]:
            if not verbatim and isinstance(text, str) and (saying.is_template(text) or find(text)):
                # A host may say what it likes: written here, it would be given a secret, or have the words run.
                raise Unsolved(f"what was found as {name} holds what the config takes for a template or for a secret")
        raw = site.written.files[source]["text"] if source else site.written.spec.get(name)
        if source and raw is None:
            raise Unsolved(f"its content is {source}, which is no text: change the file by hand")
        if not verbatim and saying.is_template(raw):
            templated.append(name)
        else:
            literals[name] = value
    found: _Edits | None = None
    solved: set[int] = set()
    work = Allowance(solving.MAX_STEPS)
    for host, profile in profiles.items():
        if id(profile) in solved:
            continue
        solved.add(id(profile))
        if len(solved) > MAX_PROFILES:
            raise Unsolved(f"the hosts have more than {MAX_PROFILES} match blocks: name fewer of them")
        edits = _of_profile(site, inverse, profile, drifted, host, templated, literals, work)
        if found is not None and _values(edits) != _values(found):
            raise Unsolved(_differing(edits, found))
        found = found or edits
    assert found is not None
    return found


def _of_profile(
    site: Site,
    inverse: Inverse,
    profile: Profile,
    drifted: Drifted,
    host: str,
    templated: Sequence[str],
    literals: Mapping[str, Value],
    work: Allowance,
) -> _Edits:
    speaker = sites.speaker(site, profile, drifted.facts, host)
    inputs = speaker.inputs
    vars_: dict[Path, Edit] = {}
    written: dict[str, Value] = dict(literals)
    for name, value in inverse.changes.items():
        try:
            said = {name: speaker.attribute(name, site.name.mark, speaker.inputs)}
        except (ExpressionError, LookupError) as error:
            if name in literals:
                continue  # that its conditions cannot be asked here is no doubt about what is written
            why = error.message if isinstance(error, ExpressionError) else "it is not applied there by what is in force"
            raise Unsolved(f"what {name} comes to on {host} is not known here: {why}") from error
        present = name in site.written.spec or sites.content_of(site, name)
        if present and not sites.is_as_told(said, name, inverse.spelt.get(name), value):
            raise Unsolved(f"what the agent tells of {name} is not as the config writes it")
        if name in templated and not solving.matches(name, said[name], value):
            solution = solving.solve(speaker, inputs, name, site.name.mark, value, work)
            inputs = solution.inputs
            if solution.root == "foreach":
                written["foreach"] = inputs.foreach
                continue
            before = vars_[solution.path].before if solution.path in vars_ else solution.edit.before
            vars_[solution.path] = Edit(before, solution.edit.value)
    if not vars_ and not written:
        raise Unsolved("what was found is what is desired by now")
    return _Edits(vars_, written)


def _values(edits: _Edits) -> tuple[Any, Any]:
    return {path: edit.value for path, edit in edits.vars.items()}, edits.literals


def _differing(one: _Edits, other: _Edits) -> str:
    paths = [path for path in one.vars if path in other.vars and one.vars[path].value != other.vars[path].value]
    if any(isinstance(one.vars[path].value, list) for path in paths):
        return f"the hosts have different lists in vars.{'.'.join(paths[0])}: ask for those that share one"
    named = f"the var {'.'.join(paths[0])}" if paths else "the vars"
    return f"{named} would have to be two things at once on these hosts: ask for fewer of them"


def _candidates(graph: Graph, site: Site, profiles: Mapping[str, Profile], edits: _Edits) -> Iterator[Candidate]:
    in_crate = tuple(write for name, value in edits.literals.items() for write in _in_crate(site, name, value))
    told = ", ".join(f"{name}: {_shown(value)}" for name, value in edits.literals.items())
    strict = site.strict or any(isinstance(edit.value, list) for edit in edits.vars.values())
    if not edits.vars:
        where = ", ".join(sorted({write.file for write in in_crate}))
        yield Candidate(Level.CRATE, f"{told} in {where}", in_crate, strict=strict)
        if len(edits.literals) == 1 and in_crate[0].at and not site.name.mark:
            yield from _parametrized(graph, site, profiles, *next(iter(edits.literals.items())))
        return
    for place in places_.places(graph, profiles, site.linked, edits.vars):
        summary = _summary(place, edits.vars) + (f"; {told} in {site.file}" if told else "")
        yield Candidate(place.level, summary, (*place.writes, *in_crate), place.blocks, edits.vars, strict)


def _in_crate(site: Site, name: str, value: Value) -> Sequence[Write]:
    if source := sites.content_of(site, name):
        return [Write(source, (), value, REPLACED)]
    at = ("resources", site.number, name)
    now = site.written.foreach if name == "foreach" else site.written.spec.get(name)
    if isinstance(value, list) and isinstance(now, list) and name in solving.UNORDERED:
        value = [*(each for each in now if each in value), *(each for each in value if each not in now)]
    if isinstance(now, list):
        return within(site.file, at, now, value)
    return [Write(site.file, at, value, REPLACED if name in site.written.spec else ADDED)]


def _parametrized(
    graph: Graph, site: Site, profiles: Mapping[str, Profile], name: str, value: Value
) -> Iterator[Candidate]:
    """The attribute becomes a var of its crate, which stays what it is but for the hosts that drifted."""
    old = site.written.spec.get(name)
    if old is None or not isinstance(old, str | bool | int | list):
        return
    words = re.sub(r"[^a-z0-9]+", "_", f"{site.name.resource}_{name}".rpartition(":")[2].lower()).strip("_")
    var = words if words[:1].isalpha() else f"v_{words}"
    if var in site.linked.crate.vars or any(var in profile.resolution.vars for profile in profiles.values()):
        return
    shared = (
        Write(site.file, ("vars", var), old, ADDED),
        Write(site.file, ("resources", site.number, name), f"{{{{ vars.{var} }}}}", REPLACED),
    )
    values: Values = {(var,): Edit(old, value)}
    for place in places_.places(graph, profiles, site.linked, values):
        if place.level is not Level.CRATE:
            summary = f"{_summary(place, values)}; {site.file} reads it"
            yield Candidate(place.level, summary, (*shared, *place.writes), place.blocks, values, site.strict)


def _summary(place: Place, values: Values) -> str:
    told = ", ".join(_told(path, edit) for path, edit in values.items())
    if place.blocks:
        return f"{told} in a match block of its own for {few([host for _, host in place.blocks])}"
    return f"{told} in {place.where}"


def _told(path: Path, edit: Edit) -> str:
    """`vars.port = 81`; of a list what of it differs: `vars.hosts[0].port = 81`, `vars.servers + c`, `- b`."""
    name = f"vars.{'.'.join(path)}"
    if not isinstance(edit.value, list) or not isinstance(edit.before, list):
        return f"{name} = {_shown(edit.value)}"
    parts = []
    for write in within("", (), edit.before, edit.value):
        if write.value is places_.REMOVED:
            parts.append(f"{name} without {_shown(_at(edit.before, write.at))}")
        elif len(write.at) == 1 and write.at[0] == len(edit.before):
            parts.append(f"{name} with {_shown(write.value)}")
        else:
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in write.at)
            parts.append(f"{name}{place} = {_shown(write.value)}")
    return ", ".join(parts)


def _at(value: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        value = value[part]
    return value


def _shown(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    line = text.splitlines()[0] if text else '""'
    return line if line == text and len(line) <= 60 else f"{line[:60]}…"
