"""rpm(8): what is installed, many packages in one call, and the keys that packages may be signed with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from agent.hosts import Host, HostFault
from agent.tools.packages import UNKNOWN, Package

TIMEOUT_S: Final = 60.0
_MEMO: Final = "rpm"
_FORMAT: Final = r"%{NAME}\t%{ARCH}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\n"
_PER_CALL: Final = 500
DATABASES: Final = ("/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite")


def load(host: Host, names: Iterable[str]) -> None:
    """Read these packages into the memo, those that it lacks, in one call.

    Raises:
        HostFault: rpm does not answer.
    """
    known: dict[str, Package] = host.memo.setdefault(_MEMO, {})
    lacking = sorted(set(names) - known.keys())
    for start in range(0, len(lacking), _PER_CALL):
        asked = lacking[start : start + _PER_CALL]
        ran = host.run(["rpm", "--query", "--queryformat", _FORMAT, "--", *asked], timeout_s=TIMEOUT_S)
        # It ends with the number of packages that are not installed, and says so of each on standard output.
        lines = [line.split("\t") for line in ran.text.splitlines()]
        if ran.code < 0 or (ran.stderr.strip() and not any(map(_is_answer, ran.text.splitlines()))):
            raise HostFault(f"rpm --query: {ran.complaint}")
        known.update(dict.fromkeys(asked, UNKNOWN))
        for name, architecture, epoch, version in (line for line in lines if len(line) == 4):
            found = Package("installed", version if epoch == "0" else f"{epoch}:{version}")
            known[name] = known[f"{name}.{architecture}"] = found


def package(host: Host, name: str) -> Package:
    """One package, by `name` or `name.architecture`, from the memo if it is there. Raises as `load`."""
    load(host, [name])
    found: Package = host.memo[_MEMO][name]
    return found


def is_version(observed: str, desired: str) -> bool:
    """Whether a version with epoch (unless 0) and release is the one asked for, which may leave out the release."""
    bare = desired.removeprefix("0:")
    return bare in (observed, observed.rpartition("-")[0])


def dependents(host: Host, name: str) -> Sequence[str]:
    """See `packages.Backend`."""
    ran = host.run(["rpm", "--erase", "--test", "--", name])
    needs = [line.rpartition("(installed) ")[2] for line in ran.stderr.decode("utf-8", "replace").splitlines()]
    return sorted({each for each in needs if each} - {name}) if ran.code != 0 else []


def import_key(host: Host, path: str) -> None:
    """Have packages and lists that are signed with the keys in a file trusted.

    Raises:
        HostFault: it holds no keys.
    """
    ran = host.run(["rpm", "--import", path], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"rpm --import: {ran.complaint}")


def _is_answer(line: str) -> bool:
    return "\t" in line or line.endswith(" is not installed")
