"""What the demo does with the example repository: which hosts, which change, which damage."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from api.cli.exits import Problem


class Scenario(NamedTuple):
    """One telling of the story. Paths on hosts are as on a real one, from `/`."""

    hosts: tuple[str, str, str]
    file: str
    """The file of the repository that is changed."""
    path: tuple[str, ...]
    """Keys to the var in it."""
    value: object
    watched: str
    """The managed file, on a reached host, whose change is shown."""
    damaged: str
    """The managed file, on the first host, that is damaged."""
    damage: str
    """What it then holds."""


SCENARIO: Final = Scenario(
    hosts=("web01.prod.example.com", "db01.prod.example.com", "web01.staging.example.com"),
    file="production/common.vgo",
    path=("vars", "journal_max_use"),
    value="4G",
    watched="/etc/systemd/journald.conf.d/company.conf",
    damaged="/etc/resolv.conf",
    damage="nameserver 203.0.113.66\n",
)


def repository() -> Path:
    """The example repository: of the checkout, or as the wheel carries it.

    Raises:
        Problem: neither is there.
    """
    here = Path(__file__).resolve()
    for found in (here.parents[3] / "examples" / "repo", Path(str(files("api.cli.demo"))) / "repo"):
        if (found / "vigo.vgo").is_file():
            return found
    raise Problem("the example repository is not installed", hint="run this from a checkout, or reinstall vigo[server]")
