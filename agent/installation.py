"""An installed agent that can be replaced by another: its versions, which of them is in force, and what is on trial.

    launch                  starts what is in force; goes back from what does not check in
    current → versions/X    in force          previous → versions/Y    before that
    versions/               each unpacked once, at its final place, by root for root
    floor.json              the greatest sequence that was tried         trial, returned    of `agent.updating`

A switch is one rename of a symbolic link. `VIGO_AGENT_HOME`, which `launch` sets, says where all this is; an agent
without it was installed by other means and is updated by those.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent import durable, updating
from agent.separation import HOME_VARIABLE
from agent.updating import Progress, Unpackable
from schema.protocol.artifacts import AgentBuild, Kind, Manifest

UNPACK_TIMEOUT_S: Final = 300.0
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_FILES: Final = 20_000
_SMALL: Final = 4096


class Installation:
    """One of them; used by one thread at a time."""

    def __init__(self, home: Path) -> None:
        self.home: Final = home
        self._on_trial = self.progress().on_trial

    @classmethod
    def here(cls) -> Installation | None:
        """The one that this process runs from; None where there is none."""
        home = os.environ.get(HOME_VARIABLE, "")
        return cls(Path(home)) if home.startswith("/") and Path(home, "current").is_symlink() else None

    def progress(self) -> Progress:
        """How it stands, from disk."""
        starts = self._text("trial")
        return Progress(
            current=self._named("current"),
            previous=self._named("previous"),
            floor=self._floor(),
            starts=None if starts is None else int(starts) if starts.isdigit() else updating.MAX_STARTS,
            returned=self._text("returned") or "",
        )

    def build(self) -> AgentBuild:
        """What runs here, for the server."""
        libc, version = libc_here()
        progress = self.progress()
        frozen = bool(getattr(sys, "frozen", False))
        return AgentBuild(
            kind=Kind.SELF_CONTAINED if frozen else Kind.ZIPAPP,
            arch=os.uname().machine,
            libc=libc,
            libc_version=version,
            python="" if frozen else f"{sys.version_info.major}.{sys.version_info.minor}",
            sequence=progress.floor,
            returned=progress.returned[:64],
        )

    def check_in(self) -> str:
        """The server has greeted this process: what runs stays. Its name, if that was in doubt until now."""
        if not self._on_trial:
            return ""
        durable.remove(self.home / "trial")
        durable.remove(self.home / "returned")
        self._on_trial = False
        self._prune()
        return self._named("current")

    def take(self, artifact: Path, manifest: Manifest) -> str:
        """Unpack a verified artifact beside what is in force, see that it starts, and put it in force on trial.

        The answer is its name. After an interruption at any point the old version is in force, or the new one is.

        Raises:
            Unpackable: nothing has changed.
            OSError: no space; nothing has changed but the floor.
        """
        import shutil  # and bz2 and lzma with it: not for an agent that merely runs

        name = version_name(manifest)
        place = self.home / "versions" / name
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            unpack(artifact, place, manifest)
            _see_it_start(place, manifest.version)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        self.put_in_force(name, manifest.sequence, trial=True)
        return name

    def put_in_force(self, name: str, sequence: int, *, trial: bool) -> None:
        """Switch to an unpacked version."""
        floor = max(self._floor(), sequence)
        durable.write(self.home / "floor.json", json.dumps({"sequence": floor}).encode() + b"\n")
        if trial:
            self._point("previous", self._named("current"))
            durable.write(self.home / "trial", b"0\n")
        self._point("current", name)

    def _point(self, link: str, name: str) -> None:
        aside = self.home / f"{durable.ASIDE}{link}"
        aside.unlink(missing_ok=True)
        aside.symlink_to(f"versions/{name}")
        aside.rename(self.home / link)
        durable.sync_directory(self.home)

    def _named(self, link: str) -> str:
        try:
            return (self.home / link).readlink().name
        except OSError:
            return ""

    def _text(self, name: str) -> str | None:
        data = durable.read(self.home / name, _SMALL)
        return None if data is None else data.decode("ascii", "replace").strip()

    def _floor(self) -> int:
        try:
            return int(json.loads(self._text("floor.json") or "{}").get("sequence", 0))
        except (ValueError, AttributeError):
            return sys.maxsize  # what was tried is not known: nothing is newer

    def _prune(self) -> None:
        import shutil

        keep = {self._named("current"), self._named("previous")}
        for each in (self.home / "versions").iterdir():
            if each.name not in keep:
                shutil.rmtree(each, ignore_errors=True)


def version_name(manifest: Manifest) -> str:
    """What the directory of a version is called."""
    return f"{manifest.version}-{manifest.sha256[:12]}"


def program(place: Path) -> list[str]:
    """What starts the version that is unpacked at a place."""
    python = place / "bin" / "python"
    return [str(python), "-I", "-m", "agent"] if python.exists() else [str(place / "vigo-agent")]


def unpack(artifact: Path, place: Path, manifest: Manifest) -> None:
    """Unpack a verified artifact at its final place, which is not there yet.

    Raises:
        Unpackable
    """
    if manifest.kind is Kind.SELF_CONTAINED:
        _untar(artifact, place)
    elif manifest.kind is Kind.ZIPAPP:
        _make_environment(artifact, place)
    else:
        raise Unpackable(f"a {manifest.kind} is installed by other means")


def _make_environment(artifact: Path, place: Path) -> None:
    """A PEX's own tool makes a virtual environment of it, in which nothing of the PEX runs any more."""
    import shutil

    from agent.hosts import process

    scratch = place.with_name(f"{place.name}.pex")
    python = str(getattr(sys, "_base_executable", "") or sys.executable)
    env = process.environment({"PEX_TOOLS": "1", "PEX_ROOT": str(scratch), "PEX_IGNORE_RCFILES": "1"}, None)
    argv = [python, "-I", str(artifact), "venv", str(place)]
    try:
        ran = process.run(argv, stdin=b"", timeout_s=UNPACK_TIMEOUT_S, env=env, cwd="/", identity=None)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if ran.code != 0 or not (place / "bin" / "python").exists():
        raise Unpackable(f"it cannot be unpacked: {ran.complaint}")


def _untar(artifact: Path, place: Path) -> None:
    import shutil
    import tarfile

    total = count = 0
    try:
        with tarfile.open(artifact, "r:gz") as archive:
            for member in archive:
                total, count = total + member.size, count + 1
                path = place.joinpath(*member.name.split("/")[1:])
                if ".." in member.name.split("/") or member.name.startswith("/") or not member.isreg():
                    raise Unpackable(f"{member.name!r} is no file of an agent")
                if total > MAX_UNPACKED_BYTES or count > MAX_FILES:
                    raise Unpackable("it is larger than an agent may be")
                path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                source = archive.extractfile(member)
                assert source is not None
                with path.open("xb") as file:
                    shutil.copyfileobj(source, file)
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
    except (tarfile.TarError, EOFError) as error:
        raise Unpackable(f"it cannot be unpacked: {error}") from error


def _see_it_start(place: Path, version: str) -> None:
    from agent.hosts import process

    ran = process.run(
        [*program(place), "--version"],
        stdin=b"",
        timeout_s=60.0,
        env=process.environment(None, None),
        cwd="/",
        identity=None,
    )
    said = ran.stdout.decode("utf-8", "replace").strip()
    if ran.code != 0 or said != f"vigo-agent {version}":
        raise Unpackable(f"it does not start as {version}: {said[:200] or ran.complaint}")


def libc_here() -> tuple[str, str]:
    """Name and version of the C library of this host; glibc says its own, of musl the version is not known."""
    with suppress(ValueError, OSError):
        told = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        if len(told) == 2 and told[0] == "glibc":
            return "glibc", ".".join(told[1].split(".")[:2])
    return "musl", ""
