"""Containers by the real podman, in a store of their own, of an image that holds one program which waits."""

from __future__ import annotations

import io
import os
import platform
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import Ran, RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests import roots

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: containers of others are not these"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the program in its image is one for x86_64"),
    roots.lacking("podman", "runc"),
]

WAIT = b"\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7"
"""mov eax, 34 (pause); syscall; jmp back."""
LIMITS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nnetns = "none"\n[engine]\ncgroup_manager = "cgroupfs"\n'
"""A sandbox may raise no limits, and has no network to give away."""


class Podman(RealHost):
    """This machine, with a store for containers below a directory."""

    def __init__(self, base: Path) -> None:
        super().__init__("/")
        self.base = base
        (base / "containers.conf").write_text(LIMITS)
        self.runs: list[list[str]] = []

    def which(self, program: str) -> str | None:
        return None if program == "docker" else super().which(program)

    def run(self, argv: Sequence[str], **options: Any) -> Ran:
        self.runs.append(list(argv))
        own = [f"--root={self.base}/store", f"--runroot={self.base}/run", "--storage-driver=vfs", "--runtime=runc"]
        options["env"] = {"CONTAINERS_CONF": str(self.base / "containers.conf")}
        return super().run([argv[0], *own, *argv[1:]], **options)


@pytest.fixture
def host() -> Iterator[Podman]:
    base = Path(tempfile.mkdtemp(prefix="vigo"))  # podman takes no long paths
    host = Podman(base)
    made = host.run(["podman", "import", "-", "localhost/wait:1"], input=image())
    if made.code != 0:
        pytest.skip(f"podman makes no image here: {made.complaint}")
    yield host
    host.run(["podman", "rm", "--force", "--all", "--time=0"])
    host.close()
    shutil.rmtree(base)


def image() -> bytes:
    """An archive with one static ELF program, `/wait`."""
    size = 120 + len(WAIT)
    head = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    program = head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000) + WAIT
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("wait")
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return data.getvalue()


def converge(host: Podman, type_: str = "container", **spec: Any) -> Converged:
    kind = TYPES[type_]
    ready = kind.spec.model_validate(spec)
    host.memo.clear()
    host.runs.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is not Outcome.FAILED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def test_a_container_from_the_making_to_the_end(host: Podman) -> None:
    spec: dict[str, Any] = {
        "container": "web",
        "image": "localhost/wait:1",
        "command": ["/wait", "-x", "a b"],
        "state": "stopped",
    }
    spec |= {"environment": {"TOKEN": "hunter2 = #'\"$x"}, "labels": {"a": "b=c"}, "stop_timeout_s": 0, "restart": "no"}
    made = converge(host, **spec)
    assert (made.action, made.error) == ("create", "")
    assert not any("hunter2" in word for run in host.runs for word in run)
    again = converge(host, **{**spec, "environment": {"TOKEN": "other"}})
    assert (again.action, again.diff, again.error) == ("recreate", "environment: (not shown)", "")
    started = converge(host, **{**spec, "environment": {"TOKEN": "other"}, "state": "running"})
    if started.error:
        assert converge(host, container="web", state="absent", stop_timeout_s=0).action == "remove"
        pytest.skip(f"no container starts here: {started.error}")
    assert started.action == "start"
    changed = converge(host, **{**spec, "environment": {"TOKEN": "other"}, "state": "running", "read_only": True})
    assert (changed.action, changed.error) == ("recreate", "")
    in_use = converge(host, "container_image", image="localhost/wait:1", state="absent")
    assert (in_use.outcome, "in use" in in_use.error) == (Outcome.FAILED, True)
    assert converge(host, container="web", state="absent", stop_timeout_s=0).action == "remove"
    assert converge(host, "container_image", image="localhost/wait:1", state="absent").action == "remove"
