"""A server of one's own to load: real, with many enrolled agents and a repository of many profiles.

What is slow to make (identities) is made once for each number of agents and kept under build/load.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.e2e.site import ROOT, Site
from tests.load import identities
from tests.load.swarm import Swarm

KEPT: Final = ROOT / "build" / "load"
KEEP_S: Final = 7 * 86_400.0
"""Certificates live thirty days, and are renewed after twenty."""
BAD: Final = "bad"
"""The profile that a commit can break alone."""


def repository(*, profiles: int, resources: int) -> dict[str, str]:
    """Files of a repository: one crate that all hosts have, and one of each profile's own."""
    blocks = "\n".join(
        f'  - match: "*.p{number}.example.com"\n    environment: production\n    configcrates: [base, own{number}]'
        for number in range(profiles)
    )
    own = max(1, resources // 2)
    return {
        "vigo.vgo": "language: 1\n",
        "environments.vgo": "environments:\n  production: {}\n",
        "hosts.vgo": f"envoys:\n{blocks}\n",
        "configcrates/base.vgo": crate("base", resources - own, "first"),
        **{f"configcrates/own{number}.vgo": crate(f"own{number}", own, "first") for number in range(profiles)},
    }


def crate(name: str, resources: int, text: str) -> str:
    """A crate of small files with this text."""
    files = "\n".join(
        f"  - {{name: file{number}, type: file, path: /srv/{name}/{number}, content: {text} of {number}}}"
        for number in range(resources)
    )
    return f"name: {name}\nresources:\n{files}\n"


class LoadSite(Site):
    """A site with so many agents enrolled; not started."""

    def __init__(self, path: Path, *, agents: int, profiles: int, resources: int = 10) -> None:
        super().__init__(path)
        self.agents: Final = agents
        self.resources: Final = resources
        self.environment = {"VIGO_PUBLIC_RATE": "100000", "VIGO_PUBLIC_BURST": "100000"}
        self.data.mkdir(mode=0o700)
        self.identities: Final = _enrolled(self.data, agents, profiles)
        self.first = self.commit(repository(profiles=profiles, resources=resources), "what all are to be")

    def swarm(self, *, kinds: Mapping[str, str] | None = None, jitter: bool = True) -> Swarm:
        """Its agents; the server has been started."""
        from api.services.pki import Pki

        authority = Pki.open(self.data / "pki", now=time.time_ns() // 1_000)
        return Swarm(
            self.path,
            identities=self.identities,
            count=self.agents,
            ca=authority.ca_pem,
            signing_key=authority.signing_key_hex,
            where=("127.0.0.1", self.gateway_port),
            kinds=kinds,
            jitter=jitter,
        )

    def change(self, text: str, name: str = "base") -> str:
        """Commit another text into one crate."""
        share = self.resources - max(1, self.resources // 2) if name == "base" else max(1, self.resources // 2)
        return self.commit({f"configcrates/{name}.vgo": crate(name, share, text)}, f"{text} in {name}")


def _enrolled(data: Path, agents: int, profiles: int) -> Path:
    """Fill a new data directory; where the identities are."""
    migrations = sorted((ROOT / "api" / "storage" / "migrations" / "versions").glob("*.py"))
    folder = KEPT / f"{agents}-{profiles}-{migrations[-1].stem}"
    written = folder / "identities.json"
    if not written.exists() or time.time() - written.stat().st_mtime > KEEP_S:
        shutil.rmtree(folder, ignore_errors=True)
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        (making / "data").mkdir(parents=True, mode=0o700)
        identities.enrol(making / "data", agents, profiles=profiles, where=making / "identities.json")
        making.rename(folder)
    shutil.copytree(folder / "data", data, dirs_exist_ok=True)
    return written


def memory(pid: int) -> int:
    """Bytes of a process in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has taken, of user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
