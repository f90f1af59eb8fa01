"""Python packages by pip. See `PipPackageSpec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import pip
from schema.resources.pip_package import PipPackageSpec


class PipPackageState(NamedTuple):
    """What the Python has."""

    environment: bool
    """Whether the Python is there."""
    versions: Mapping[str, str | None]
    """Of each package that is named → its version; None: it is not installed."""
    met: bool = True
    """Whether the requirements hold."""
    note: str = ""


def check(host: Host, spec: PipPackageSpec) -> PipPackageState:
    """See `ResourceType`. One call of pip for all packages of one Python."""
    python = _python(spec)
    there = host.lstat(python) is not None if spec.venv is not None else host.which(python) is not None
    if not there:
        return PipPackageState(False, dict.fromkeys(spec.package), met=spec.requirements is None)  # noqa: FBT003
    if spec.requirements is not None:
        known = host.lstat(spec.requirements) is not None
        return PipPackageState(True, {}, met=known and pip.meets(host, python, spec.requirements))  # noqa: FBT003
    found = pip.installed(host, python)
    return PipPackageState(True, {name: found.get(pip.normal(name)) for name in spec.package})  # noqa: FBT003


def diff(spec: PipPackageSpec, state: PipPackageState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "absent":
        there = [(name, version) for name, version in state.versions.items() if version is not None]
        return [Change(f"state{_of(spec, name)}", version, "absent") for name, version in there]
    found = [] if state.environment else [Change("python", None, spec.venv or spec.python)]
    if not state.met:
        found.append(Change("requirements", "not met", "met"))
    for name, version in state.versions.items():
        if version is None:
            found.append(Change(f"state{_of(spec, name)}", "absent", spec.version or "present"))
        elif spec.version is not None and version != spec.version:
            found.append(Change("version", version, spec.version))
    return found


def apply(host: Host, spec: PipPackageSpec, state: PipPackageState) -> None:
    """See `ResourceType`."""
    python, force = _python(spec), spec.break_system_packages
    if spec.state == "absent":
        gone = [pip.normal(name) for name, version in state.versions.items() if version is not None]
        pip.uninstall(host, python, gone, force=force)
        return
    if spec.venv is not None and not state.environment:
        pip.make_environment(host, spec.python, spec.venv)
    names = [name for name, version in state.versions.items() if version is None or spec.version not in (None, version)]
    words = [f"{name}=={spec.version}" if spec.version else name for name in names]
    if words or not state.met:
        pip.install(host, python, words, requirements=spec.requirements, index_url=spec.index_url, force=force)


def action(spec: PipPackageSpec, state: PipPackageState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "install" if None in state.versions.values() or not state.environment else "update"


def shows_in(host: Host, spec: PipPackageSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return () if spec.venv is None else pip.shown_in(host, spec.venv)


PIP_PACKAGE: Final = ResourceType(
    spec=PipPackageSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    of_machine=True,
    needs_network=True,
    shows_in=shows_in,
    unseen="what the Python of the system itself has, and whether requirements hold",
)


def _python(spec: PipPackageSpec) -> str:
    return spec.python if spec.venv is None else f"{spec.venv.rstrip('/')}/bin/python"


def _of(spec: PipPackageSpec, name: str) -> str:
    return f" of {name}" if len(spec.package) > 1 else ""
