"""apt-get(8), apt-cache(8), apt-mark(8): packages of Debian and its kin, with nobody there to ask.

Names are names and never patterns. A run that an earlier one left half done is finished first; another process that
works on packages is waited for, as long as `packages.LOCK_WAIT_S`. See `packages.Backend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Ran
from agent.tools import dpkg, packages
from agent.tools.packages import Package

_OPTIONS: Final = (
    "--yes",
    "--quiet",
    # Else a name with a dot that is no package's is read as an expression, and all that it finds is installed. Globs
    # and anchored expressions are read all the same: the schema lets none of their characters into a name.
    "--option=APT::Cmd::Pattern-Only=true",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    f"--option=DPkg::Lock::Timeout={packages.LOCK_WAIT_S}",
)
_LISTS_ARE_OLD: Final = (
    b"Unable to locate package",
    b"has no installation candidate",
    b"was not found",
    b"404  Not Found",
)
_INTERRUPTED: Final = b"dpkg was interrupted"
_LOCKED: Final = b"Could not get lock"
_UPGRADES: Final = "apt upgrades"


def lacking(host: Host) -> str | None:
    """See `packages.Backend`."""
    return next((program for program in ("apt-get", "dpkg-query") if host.which(program) is None), None)


def load(host: Host, names: Iterable[str]) -> None:  # noqa: ARG001 - dpkg tells of all as quickly as of one
    """See `packages.Backend`."""
    dpkg.installed(host)


def package(host: Host, name: str) -> Package:
    """See `packages.Backend`: by `name` or `name:arch`."""
    return dpkg.package(host, name)


def upgrades(host: Host, names: Sequence[str]) -> Mapping[str, str]:
    """See `packages.Backend`: apt's candidates, which honour its pins."""
    known: dict[str, str] = host.memo.setdefault(_UPGRADES, {})
    if unasked := [name for name in names if name not in known]:
        ran = host.run(["apt-cache", "policy", "--", *unasked], timeout_s=packages.UPDATE_TIMEOUT_S)
        _succeeded("apt-cache policy", ran)
        known.update(dict.fromkeys(unasked, ""))
        known.update(_candidates(ran.text))
    return {name: known[name] for name in names if known[name] not in ("", package(host, name).version)}


def is_version(observed: str, desired: str) -> bool:
    """See `packages.Backend`."""
    return observed == desired


def install(host: Host, wanted: Mapping[str, str | None]) -> None:
    """See `packages.Backend`. Package lists are fetched when they do not know a package, once in a run."""
    words = [f"{name}={version}" if version else name for name, version in wanted.items()]
    _install(host, ["install", *(["--allow-downgrades"] if any(wanted.values()) else []), "--", *words])


def install_file(host: Host, path: str) -> None:
    """See `packages.Backend`."""
    _install(host, ["install", "--allow-downgrades", "--", path])


def upgrade(host: Host, names: Sequence[str]) -> None:
    """See `packages.Backend`."""
    _install(host, ["install", "--only-upgrade", "--", *names])


def remove(host: Host, names: Sequence[str], *, purge: bool) -> None:
    """See `packages.Backend`. What depends on a package goes with it."""
    verb = "purge" if purge else "remove"
    _succeeded(f"apt-get {verb}", _run(host, [verb, "--", *names]))


def hold(host: Host, names: Sequence[str], *, held: bool) -> None:
    """See `packages.Backend`."""
    verb = "hold" if held else "unhold"
    _succeeded(f"apt-mark {verb}", host.run(["apt-mark", verb, "--", *names], timeout_s=packages.UPDATE_TIMEOUT_S))


def dependents(host: Host, name: str) -> Sequence[str]:
    """See `packages.Backend`."""
    ran = host.run(["apt-get", "--simulate", "remove", "--", name], timeout_s=packages.UPDATE_TIMEOUT_S)
    gone = [line.split()[1] for line in ran.text.splitlines() if line.startswith(("Remv ", "Purg "))]
    return [each for each in gone if each != name.partition(":")[0]]


def shown_in() -> Sequence[str]:
    """See `packages.Backend`."""
    return ("/var/lib/dpkg/status",)


def update_source(host: Host, path: str) -> None:
    """Fetch the lists of one file in sources.list.d, and check what signed them; others stay as they are.

    Raises:
        HostFault: they are not to be had, or not signed by whom they should be.
    """
    only = [f"--option=Dir::Etc::sourcelist={path}", "--option=Dir::Etc::sourceparts=-"]
    strict = ["--option=APT::Get::List-Cleanup=0", "--error-on=any"]
    _succeeded("apt-get update", _update(host, [*only, *strict]))


def _install(host: Host, argv: list[str]) -> None:
    ran = _run(host, argv)
    if ran.code != 0 and any(text in ran.stderr for text in _LISTS_ARE_OLD) and packages.once(host):
        _update(host, [])
        ran = _run(host, argv)
    _succeeded("apt-get install", ran)


def _run(host: Host, argv: list[str]) -> Ran:
    ran = host.run(["apt-get", *_OPTIONS, *argv], timeout_s=packages.TIMEOUT_S, env=dpkg.QUIET)
    if ran.code != 0 and _INTERRUPTED in ran.stderr:
        dpkg.configure_pending(host)
        ran = host.run(["apt-get", *_OPTIONS, *argv], timeout_s=packages.TIMEOUT_S, env=dpkg.QUIET)
    return ran


def _update(host: Host, options: Sequence[str]) -> Ran:
    """Apt waits for dpkg's lock, but not for that of the lists."""
    argv = ["apt-get", *_OPTIONS, *options, "update"]
    return packages.patiently(
        lambda: host.run(argv, timeout_s=packages.UPDATE_TIMEOUT_S, env=dpkg.QUIET), lambda ran: _LOCKED in ran.stderr
    )


def _candidates(text: str) -> dict[str, str]:
    """Of `NAME:`, with indented lines below it, one of which is `Candidate: VERSION`."""
    found, name = {}, ""
    for line in text.splitlines():
        if not line.startswith(" "):
            name = line.removesuffix(":")
        elif line.startswith("  Candidate: ") and not line.endswith("(none)"):
            found[name] = line[13:]
    return found


def _succeeded(what: str, ran: Ran) -> None:
    if ran.code != 0:
        raise HostFault(f"{what}: {ran.complaint}")
