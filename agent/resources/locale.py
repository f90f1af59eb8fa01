"""A locale. See `LocaleSpec`. In a confined root it is listed to be made, and not made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import locales, parts
from agent.tools.parts import Whole
from schema.resources.base import PartSpec
from schema.resources.locale import LocaleSpec

LIST: Final = PartSpec(path="/etc/locale.gen")
_DEFAULTS: Final = (PartSpec(path="/etc/default/locale", create=True), PartSpec(path="/etc/locale.conf", create=True))
"""Debian's, and that of all others."""


class LocaleState(NamedTuple):
    """The locale as it was found."""

    generated: bool | None
    """None: nobody asks, in a confined root."""
    list: Whole
    """What locale-gen makes; without `stat`, this host has none."""
    part: PartSpec
    default: Whole
    note: str = ""


def check(host: Host, spec: LocaleSpec) -> LocaleState:
    """See `ResourceType`."""
    generated = None if host.confined else locales.plain(spec.locale) in locales.listed(host)
    whole = parts.read(host, LIST)
    part = _DEFAULTS[0] if whole.stat is not None and host.lstat("/etc/default") is not None else _DEFAULTS[1]
    return LocaleState(generated, whole, part, parts.read(host, part) if spec.default else Whole(None))


def diff(spec: LocaleSpec, state: LocaleState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    present = spec.state == "present"
    if state.generated not in (None, present):
        found.append(Change("state", *(("absent", "present") if present else ("present", "absent"))))
    if listing(spec, state.list) != state.list.lines:
        found.append(Change("list", *((None, spec.locale) if present else (spec.locale, None))))
    if default(spec, state.default) != state.default.lines:
        found.append(Change("default", _lang(state.default.lines), spec.locale))
    return found


def apply(host: Host, spec: LocaleSpec, state: LocaleState) -> None:
    """See `ResourceType`."""
    lines = listing(spec, state.list)
    if lines != state.list.lines:
        parts.write(host, LIST, state.list, state.list.joined(lines))
    if state.generated not in (None, spec.state == "present"):
        if state.list.stat is not None and host.which("locale-gen"):
            locales.generate(host)
        elif spec.state == "present":
            locales.define(host, spec.locale)
        else:
            locales.remove(host, spec.locale)
    if (after := default(spec, state.default)) != state.default.lines:
        parts.write(host, state.part, state.default, state.default.joined(after))


def action(spec: LocaleSpec, state: LocaleState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "update" if state.generated else "create"


def listing(spec: LocaleSpec, whole: Whole) -> list[str]:
    """/etc/locale.gen as it should be: its own line is uncommented, where it has one."""
    lines, charset = whole.lines, spec.locale.partition(".")[2]
    if whole.stat is None or spec.locale.startswith("C."):
        return lines
    ours = re.compile(rf"^(#?)\s*{re.escape(spec.locale)}\s+{re.escape(charset)}\s*$")
    if spec.state == "absent":
        return [f"# {line}" if (match := ours.match(line)) and not match[1] else line for line in lines]
    held = [match[1] for line in lines if (match := ours.match(line))]
    if "" in held:
        return lines
    wanted = f"{spec.locale} {charset}"
    for at, line in enumerate(lines):
        if ours.match(line):
            return [*lines[:at], wanted, *lines[at + 1 :]]
    return [*lines, wanted]


def default(spec: LocaleSpec, whole: Whole) -> list[str]:
    """The file of `LANG` as it should be."""
    lines = whole.lines
    if not spec.default or _lang(lines) == spec.locale:
        return lines
    kept = [line for line in lines if not line.lstrip().removeprefix("export ").startswith("LANG=")]
    return [*kept, f"LANG={spec.locale}"]


def paths(spec: LocaleSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [LIST.path, *(part.path for part in _DEFAULTS if spec.default)]


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    if host.confined or host.which("locale"):
        return None
    return "needs locales of glibc, which this host does not have"


LOCALE: Final = ResourceType(
    spec=LocaleSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    confinable=True,
    of_machine=True,
    unseen="that a locale is no longer generated",
)


def _lang(lines: Sequence[str]) -> str | None:
    """The value that counts: the last."""
    values = [line.partition("=")[2].strip().strip("\"'") for line in lines if line.strip().startswith("LANG=")]
    return values[-1] if values else None
