"""Inverses: what an agent found on a host → the attributes of its resource with which that would be desired.

An agent says what it found in the words of the resource's type: a mode, a state, the text of a file that it keeps
whole. Most of them are the attribute's own; where they are not, the rule stands here, by type. Nothing is guessed: what
has no rule has no inverse, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from schema.protocol.reports import ObservedAttribute
from schema.resources import RESOURCES

_OF_SOME: Final = re.compile(r"(?P<field>state|version|hold) of .*")
"""A package resource may name several; of one among them nothing can be said in an attribute."""
_GONE: Final = frozenset({"absent", "not installed", "config-files"})
_STOPPED: Final = frozenset({"inactive", "failed", "deactivating", "stopped", "dead"})
_RUNNING: Final = frozenset({"active", "activating", "reloading", "running"})
_YES: Final = {
    "yes": True,
    "no": False,
    "enabled": True,
    "disabled": False,
    "enabled-runtime": True,
    "not found": False,
}
_FIELDS_OF_CRON: Final = 5


Value = str | bool | list[str]
Rule = Callable[[ObservedAttribute], dict[str, Value] | None]


class Inverse(NamedTuple):
    """What would have to be desired."""

    changes: Mapping[str, Value]
    """Attribute → value: text as the attribute would be rendered, or whether, or all elements of a list."""
    why: str = ""
    """Where there is none: why."""
    spelt: Mapping[str, str] = MappingProxyType({})
    """Of those that were taken as the agent calls them: what it says is desired. Only where the config says that too do
    both speak of the same thing."""


def invert(type_: str, observed: Sequence[ObservedAttribute]) -> Inverse:
    """The attributes with which what was observed would be what is desired."""
    if not observed:
        return Inverse({}, "the agent did not tell what it found")
    if any(each.hidden for each in observed):
        return Inverse({}, "what was found may hold a secret, and is not told")
    if any(each.cut for each in observed):
        return Inverse({}, "what was found is too long, or no text, and is not told")
    model = RESOURCES.get(type_)
    if model is None:
        return Inverse({}, f"{type_} is no type that is known here")
    rule = _RULES.get(type_, _own)
    changes: dict[str, Value] = {}
    spelt: dict[str, str] = {}
    gone = any(each.name == "state" and _own(each) == {"state": "absent"} for each in observed)
    for each in observed:
        if gone and each.name != "state":
            continue  # of what is not there nothing else can be said
        found = rule(each) if not _OF_SOME.fullmatch(each.name) else None
        if found is None or not found.keys() <= model.model_fields.keys():
            return Inverse({}, f"what was found of {each.name} is no attribute of a {type_}")
        if any(changes.get(name, value) != value for name, value in found.items()):
            return Inverse({}, "what was found says two things at once")
        changes |= found
        own = rule is _own and isinstance(found.get(each.name), str)
        if each.desired is not None and not gone and (own or isinstance(found.get(each.name), list)):
            spelt[each.name] = each.desired
    if not changes:
        return Inverse({}, f"what was found is no attribute of a {type_}")
    return Inverse(changes, "", spelt)


def _own(each: ObservedAttribute) -> dict[str, Value] | None:
    """The attribute of the same name, with what was found."""
    if each.found is None:
        return None
    if each.name == "state":
        state = "absent" if each.found in _GONE else "present" if each.desired == "absent" else None
        return None if state is None else {"state": state}
    if each.found in ("yes", "no") and each.desired in ("yes", "no"):
        return {each.name: _YES[each.found]}
    return {each.name: each.found}


def _sysctl(each: ObservedAttribute) -> dict[str, Value] | None:
    if each.name == "file" and each.found is not None:
        lines = [line for line in each.found.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]
        if len(lines) != 1 or "=" not in lines[0]:
            return None
        return {"value": " ".join(lines[0].partition("=")[2].split())}
    return _own(each)


def _kernel_parameter(each: ObservedAttribute) -> dict[str, Value] | None:
    if each.name == "file":
        return {}  # where it is kept, beside what it is
    if each.name != "parameter":
        return None
    if each.found is None:
        return {"state": "absent"}
    words = each.found.split()
    return {"value": words[0].partition("=")[2]} if len(words) == 1 and "=" in words[0] else None


def _service(each: ObservedAttribute) -> dict[str, Value] | None:
    if each.name == "state" and each.found is not None:
        state = "stopped" if each.found in _STOPPED else "running" if each.found in _RUNNING else None
        return None if state is None else {"state": state}
    if each.name in ("enabled", "masked") and each.found in _YES:
        return {each.name: _YES[each.found]}
    return None


def _package(each: ObservedAttribute) -> dict[str, Value] | None:
    if each.name == "hold" and each.found is not None:
        return {"hold": each.found in ("held", "hold", "yes")}
    return _own(each)


def _cron(each: ObservedAttribute) -> dict[str, Value] | None:
    if each.name != "job" or each.found is None or each.desired is None:
        return None
    found, desired = (text.replace(r"\%", "%").splitlines() for text in (each.found, each.desired))
    if not found or not desired or found[:-1] != desired[:-1]:
        return None
    one, other = _job(found[-1]), _job(desired[-1])
    if one is None or other is None:
        return None
    return {name: value for name, value in one.items() if value != other[name]}


def _job(line: str) -> dict[str, str] | None:
    count = 1 if line.startswith("@") else _FIELDS_OF_CRON
    words = line.split(None, count + 1)
    if len(words) != count + 2:
        return None
    return {"schedule": " ".join(words[:count]), "user": words[count], "command": words[count + 1]}


def _list(name: str) -> Rule:
    """Of an attribute that the agent tells as its elements with commas between them: all there are."""

    def rule(each: ObservedAttribute) -> dict[str, Value] | None:
        if each.name != name:
            return _own(each)
        return None if each.found is None else {name: [word for word in each.found.split(",") if word]}

    return rule


_RULES: Final[Mapping[str, Rule]] = {
    "sysctl": _sysctl,
    "kernel_parameter": _kernel_parameter,
    "service": _service,
    "package": _package,
    "cron": _cron,
    "group": _list("members"),
    "user": _list("groups"),
    "mount": _list("options"),
}
