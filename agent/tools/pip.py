"""pip(1), as a module of the Python whose packages it manages, and venv."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Ran

TIMEOUT_S: Final = 1800.0
QUERY_TIMEOUT_S: Final = 120.0
_MEMO: Final = "pip"
_MANAGED: Final = b"externally-managed-environment"


def normal(name: str) -> str:
    """A name without its extras, as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def installed(host: Host, python: str) -> Mapping[str, str]:
    """All packages of a Python: normal name → version, read once until the host changes.

    Raises:
        HostFault: it has no pip.
    """
    known: dict[str, dict[str, str]] = host.memo.setdefault(_MEMO, {})
    if python not in known:
        ran = host.run([*_argv(python), "list", "--format=json"], timeout_s=QUERY_TIMEOUT_S)
        if ran.code != 0:
            raise HostFault(f"pip list: {ran.complaint}")
        try:
            known[python] = {normal(each["name"]): each["version"] for each in json.loads(ran.text)}
        except (ValueError, TypeError, KeyError) as error:
            raise HostFault("pip list answered something else than its packages") from error
    return known[python]


def meets(host: Host, python: str, requirements: str) -> bool:
    """Whether all that a requirements file says holds; nothing is fetched to find out."""
    argv = [*_argv(python), "install", "--dry-run", "--no-index", "--no-deps", "--quiet", "--requirement", requirements]
    return host.run(argv, timeout_s=QUERY_TIMEOUT_S).code == 0


def make_environment(host: Host, python: str, path: str) -> None:
    """Make a virtual environment.

    Raises:
        HostFault: it cannot be made.
    """
    ran = host.run([python, "-m", "venv", "--", path], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{python} -m venv: {ran.complaint}")


def install(
    host: Host, python: str, words: Sequence[str], *, requirements: str | None, index_url: str | None, force: bool
) -> None:
    """Install what these words ask for (`name`, `name==version`), or a requirements file.

    Args:
        force: into a Python of the host's package manager, too.

    Raises:
        HostFault: it cannot be had, or may not be installed there.
    """
    asked = ["--requirement", requirements] if requirements is not None else ["--", *words]
    argv = ["install", "--quiet", *(["--break-system-packages"] if force else []), *asked]
    env = {} if index_url is None else {"PIP_INDEX_URL": index_url}
    _succeeded("install", host.run([*_argv(python), *argv], timeout_s=TIMEOUT_S, env=env), index_url)


def uninstall(host: Host, python: str, names: Sequence[str], *, force: bool) -> None:
    """Remove packages. Raises `HostFault`."""
    argv = ["uninstall", "--yes", "--quiet", *(["--break-system-packages"] if force else []), "--", *names]
    _succeeded("uninstall", host.run([*_argv(python), *argv], timeout_s=TIMEOUT_S), None)


def shown_in(host: Host, environment: str) -> Sequence[str]:
    """Where it shows that an environment has other packages: `agent.places`."""
    above = f"{environment.rstrip('/')}/lib"
    versions = host.listdir(above) if host.lstat(above) is not None else []
    return [f"{environment.rstrip('/')}/bin/python", *(f"{above}/{each}/site-packages/" for each in versions)]


def _argv(python: str) -> list[str]:
    return [python, "-B", "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _succeeded(verb: str, ran: Ran, secret: str | None) -> None:
    if ran.code == 0:
        return
    if _MANAGED in ran.stderr:
        raise HostFault(
            f"pip {verb}: this Python belongs to the host's package manager: use a venv, or break_system_packages"
        )
    said = ran.complaint.replace(secret, "the index") if secret else ran.complaint
    raise HostFault(f"pip {verb}: {said}")
