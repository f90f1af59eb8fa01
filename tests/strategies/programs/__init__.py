"""Programs of memory machines: models of what the real ones do, as far as resource types rely on it.

One module a family: `PROGRAMS` by the name that `argv[0]` has, and `reads`, whether a run of one of them changes nothing
by itself. Each keeps its state in files of the machine (`files`). Where a real program can be had in a test, another test
runs the real one (tests/unit/agent/tools).
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts.memory import Program
from tests.strategies.programs import (
    aide,
    alternatives,
    apparmor,
    apt,
    audit,
    containers,
    executors,
    fetching,
    firewalls,
    git,
    inits,
    kernel,
    loaders,
    locales,
    network,
    packagers,
    python,
    readers,
    selinux,
    shadow,
    shell,
    storage,
    stores,
    systemd,
    systemd_tools,
)
from tests.strategies.programs.apt import LISTS as LISTS
from tests.strategies.programs.apt import MIRROR as MIRROR
from tests.strategies.programs.apt import STATUS as STATUS
from tests.strategies.programs.files import OK as OK
from tests.strategies.programs.files import refuse as refuse
from tests.strategies.programs.shell import SCRIPTS as SCRIPTS
from tests.strategies.programs.shell import scripts as scripts
from tests.strategies.programs.systemd import UNITS as UNITS

_FAMILIES = (
    aide,
    alternatives,
    apparmor,
    apt,
    audit,
    containers,
    executors,
    fetching,
    firewalls,
    git,
    inits,
    kernel,
    loaders,
    locales,
    network,
    packagers,
    python,
    readers,
    selinux,
    shadow,
    shell,
    storage,
    stores,
    systemd,
    systemd_tools,
)
ALL: dict[str, Program] = {name: program for family in _FAMILIES for name, program in family.PROGRAMS.items()}
"""Every program there is a model of."""


def is_read(run: Sequence[str]) -> bool:
    """Whether a run of a program changes nothing by itself."""
    return any(run[0] in family.PROGRAMS and family.reads(run) for family in _FAMILIES)
