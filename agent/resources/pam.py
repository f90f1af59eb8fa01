"""One line of a service of PAM. See `PamSpec`.

A wrong line can keep everybody out, so what can be known is known before it is written: that the module is there, and
that somebody still asks who it is. In a confined root no module is looked for: it is often a bare directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import pam_service, parts
from agent.tools.pam_service import Line
from agent.tools.parts import Whole
from schema.resources.base import PartSpec
from schema.resources.pam import PamSpec

DIRECTORY: Final = "/etc/pam.d"
_GENERATED: Final = "pam-auth-update"


class PamState(NamedTuple):
    """The service as it was found."""

    whole: Whole
    installed: bool
    note: str = ""


def check(host: Host, spec: PamSpec) -> PamState:
    """See `ResourceType`."""
    whole = parts.read(host, PartSpec(path=path(spec)))
    installed = host.confined or spec.state == "absent" or pam_service.installed(host, spec.module)
    kept = any(_GENERATED in line for line in whole.lines if line.startswith("#"))
    return PamState(whole, installed, f"{_GENERATED} leaves a file alone that was changed by hand" if kept else "")


def diff(spec: PamSpec, state: PamState) -> Sequence[Change]:
    """See `ResourceType`."""
    before = state.whole.lines
    after = desired(spec, before)
    return () if after == before else (Change("line", _shown(spec, before), _shown(spec, after)),)


def apply(host: Host, spec: PamSpec, state: PamState) -> None:
    """See `ResourceType`."""
    if state.whole.stat is None:
        raise ResourceFailed(f"there is no service {path(spec)}")
    if not state.installed:
        raise ResourceFailed(f"{spec.module} is not installed: with it in {path(spec)}, nobody might get in")
    before = state.whole.lines
    after = desired(spec, before)
    if pam_service.authenticates(before) and not pam_service.authenticates(after):
        raise ResourceFailed(f"{path(spec)} would be left without any line of auth: it is left alone")
    parts.write(host, PartSpec(path=path(spec)), state.whole, state.whole.joined(after))


def action(spec: PamSpec, state: PamState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if _shown(spec, state.whole.lines) is None else "update"


def desired(spec: PamSpec, lines: Sequence[str]) -> list[str]:
    """The lines as they should be; the same when nothing is to be done."""
    mine = [at for at, text in enumerate(lines) if _is(spec, text)]
    if spec.state == "absent":
        return [text for at, text in enumerate(lines) if at not in mine]
    wanted = Line("", spec.facility, spec.control, spec.module, tuple(spec.arguments))
    if not mine:
        at = _place(spec, lines)
        return [*lines[:at], wanted.text, *lines[at:]]
    held = pam_service.line(lines[mine[0]])
    same = held is not None and held._replace(quiet="") == wanted
    first = lines[mine[0]] if same else wanted._replace(quiet=held.quiet if held else "").text
    return [first if at == mine[0] else text for at, text in enumerate(lines) if at not in mine[1:]]


def path(spec: PamSpec) -> str:
    """Where the service is kept."""
    return f"{DIRECTORY}/{spec.service}"


def paths(spec: PamSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


PAM: Final = ResourceType(
    spec=PamSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True, of_machine=True
)


def _is(spec: PamSpec, text: str) -> bool:
    held = pam_service.line(text)
    if held is None or held.facility != spec.facility or held.module != spec.module:
        return False
    return spec.having is None or spec.having in held.arguments


def _place(spec: PamSpec, lines: Sequence[str]) -> int:
    """Where a new line goes.

    Raises:
        ResourceFailed: what it is to stand beside is not there.
    """
    name = spec.above or spec.below
    if name is not None:
        called = [at for at, text in enumerate(lines) if pam_service.is_called(text, spec.facility, name)]
        if not called:
            raise ResourceFailed(f"{path(spec)} has no line of {spec.facility} with {name}")
        return called[0] if spec.above is not None else called[-1] + 1
    held = map(pam_service.line, lines)
    last = [at for at, each in enumerate(held) if each is not None and each.facility == spec.facility]
    return last[-1] + 1 if last else len(lines)


def _shown(spec: PamSpec, lines: Sequence[str]) -> str | None:
    return "; ".join(" ".join(text.split()) for text in lines if _is(spec, text)) or None
