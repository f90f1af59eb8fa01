"""Packing the agent: from a checkout and its lock file to one file that a host runs. The same inputs, the same bytes.

The programs that do it (uv, PEX, PyInstaller: the extra `build`) run as programs, with a clean environment and nothing
of the checkout's own virtual environment. What is packed is the dependencies of the lock file, by its hashes, and our
two packages; never what happens to be installed here.
"""

from __future__ import annotations

import gzip
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from api.cli.exits import Problem
from schema.protocol.artifacts import Kind, Manifest

PACKAGES: Final = ("agent", "schema")
EPOCH: Final = 315_532_800
"""1980, where zip begins; `SOURCE_DATE_EPOCH` says otherwise."""
TIMEOUT_S: Final = 900
GLIBC: Final = "2.28"
"""The oldest whose wheels are taken: manylinux_2_28, of 2018."""
UNPACKED: Final = "/opt/vigo-agent/unpacked"
"""Where a PEX that is run by hand unpacks itself: below root's directory, never in a home."""
_PLATFORMS: Final = {"glibc": "{arch}-manylinux_2_28", "musl": "{arch}-unknown-linux-musl"}
_VERSION: Final = re.compile(r'^VERSION: Final = "([0-9.]+)"$', re.MULTILINE)
_INHERITED: Final = re.compile(r"PATH|HOME|TMPDIR|LANG|SSL_CERT_FILE|(?i:https_proxy|no_proxy)|UV_.*|PIP_.*")

# A frozen program is its own Python: what the agent starts as `python -I -S -c` comes back here.
_ENTRY: Final = """\
import sys

if sys.argv[1:4] == ["-I", "-S", "-c"] and len(sys.argv) == 5:
    exec(compile(sys.argv[4], "<string>", "exec"), {"__name__": "__main__"})
else:
    import os

    for name in ("LD_LIBRARY_PATH",):  # of the boot loader: not for what we start
        before = os.environ.pop(name + "_ORIG", None)
        os.environ.pop(name, None)
        if before:
            os.environ[name] = before
    from agent.cli import main

    main()
"""


class For(NamedTuple):
    """What a build is to run on."""

    arch: str
    libc: Literal["glibc", "musl"]
    python: str
    """3.11; of no matter to a self-contained build."""


def here() -> For:
    """What this is."""
    libc = platform.libc_ver()[0]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return For(platform.machine(), "glibc" if libc == "glibc" else "musl", version)


def zipapp(source: Path, wanted: For, out: Path) -> tuple[Path, Manifest]:
    """A PEX of the agent and its dependencies, made in the directory `out`; and its manifest, but for what is signed.

    Raises:
        Problem: a program is not there, or did not succeed.
    """
    version = _version(source)
    target = out / f"vigo-agent-{version}-cp{wanted.python.replace('.', '')}-{wanted.libc}-{wanted.arch}.pyz"
    with TemporaryDirectory(prefix="vigo-build-") as folder:
        work = Path(folder)
        sources, dependencies = _sources(source, work), _dependencies(source, wanted, work)
        command = [*_module("pex"), "-D", str(sources), "-D", str(dependencies), "-e", "agent.cli:main"]
        command += ["--no-compile", "--include-tools", "--venv", "--runtime-pex-root", UNPACKED]
        if wanted.python == here().python:
            command += ["--interpreter-constraint", f"=={wanted.python}.*", "--python", sys.executable]
        made = work / "agent.pyz"
        _run([*command, "-o", str(made)], {"PEX_ROOT": str(work / "pex"), "PYTHONHASHSEED": "0"}, cwd=work)
        shutil.move(made, target)
    oldest = GLIBC if wanted.libc == "glibc" else ""
    return target, _draft(Kind.ZIPAPP, wanted, version, libc_min=oldest, python=wanted.python)


def self_contained(source: Path, out: Path) -> tuple[Path, Manifest]:
    """A tar.gz of the agent, its dependencies and this very Python, made in the directory `out`; and its manifest.

    Runs where the libc is this machine's or newer, on this architecture.

    Raises:
        Problem: a program is not there, or did not succeed.
    """
    version, wanted = _version(source), here()
    target = out / f"vigo-agent-{version}-self-contained-{wanted.libc}-{wanted.arch}.tar.gz"
    with TemporaryDirectory(prefix="vigo-build-") as folder:
        work = Path(folder)
        sources, python = _sources(source, work), _environment(source, work)
        (work / "entry.py").write_text(_ENTRY)
        command = [python, "-m", "PyInstaller", "--noconfirm", "--onedir", "--strip", "--name", "vigo-agent"]
        command += ["--distpath", str(work / "dist"), "--workpath", str(work / "work"), "--specpath", str(work)]
        for package in PACKAGES:
            command += ["--collect-submodules", package]
        # `download` hands its child the text of this module.
        command += ["--add-data", f"{sources}/agent/tools/fetching.py:agent/tools", "--exclude-module", "tkinter"]
        environment = {
            "PYTHONPATH": str(sources),
            "PYTHONHASHSEED": "1",
            "PYINSTALLER_CONFIG_DIR": str(work / "config"),
        }
        _run([*command, str(work / "entry.py")], environment, cwd=work)
        _tar(work / "dist" / "vigo-agent", target)
    oldest = ".".join(platform.libc_ver()[1].split(".")[:2])
    return target, _draft(Kind.SELF_CONTAINED, wanted, version, libc_min=oldest, python="")


def draft_of(name: str) -> Manifest:
    """The manifest, but for what is signed, of an artifact made elsewhere: its name says it all.

    Raises:
        Problem: it does not.
    """
    found = re.fullmatch(
        r"vigo-agent-(\d+(?:\.\d+)*)-(cp3\d+|self-contained)-(glibc|musl)-([a-z0-9_]+)\.(pyz|tar\.gz)", name
    )
    if found is None:
        raise Problem(f"{name} is not the name of a build", hint="`vigo agent build --unsigned` gives it its name")
    version, how, libc, arch, _ = found.groups()
    python = "" if how == "self-contained" else f"3.{how[3:]}"
    wanted = For(arch, "glibc" if libc == "glibc" else "musl", python)
    kind = Kind.ZIPAPP if python else Kind.SELF_CONTAINED
    return _draft(kind, wanted, version, libc_min=GLIBC if python and libc == "glibc" else "", python=python)


def _draft(kind: Kind, wanted: For, version: str, *, libc_min: str, python: str) -> Manifest:
    return Manifest(
        kind=kind,
        arch=wanted.arch,
        libc=wanted.libc,
        libc_min=libc_min,
        python=python,
        version=version,
        sequence=0,
        sha256="0" * 64,
        size=1,
    )


def _version(source: Path) -> str:
    try:
        found = _VERSION.search((source / "agent" / "__init__.py").read_text("utf-8"))
    except OSError:
        found = None
    if found is None or not (source / "uv.lock").is_file():
        raise Problem(f"{source} is no checkout of Vigo", hint="--source DIR names one")
    return found[1]


def _sources(source: Path, work: Path) -> Path:
    """Our packages, as they are in the checkout, without what Python or a test left there."""
    place = work / "source"
    for package in PACKAGES:
        for path in sorted((source / package).rglob("*")):
            if path.suffix in {".py", ".typed"} and "__pycache__" not in path.parts:
                copy = place / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    return place


def _dependencies(source: Path, wanted: For, work: Path) -> Path:
    """What the lock file names for an agent, in a directory; each file was checked by the lock file's hash."""
    listed, place = _listed(source, work, "documents"), work / "dependencies"
    install = ["pip", "install", "--quiet", "--target", str(place), "--require-hashes", "--no-deps", "--only-binary"]
    install += [":all:", "--python-version", wanted.python, "--no-config", "--link-mode", "copy"]
    install += ["--python-platform", _PLATFORMS[wanted.libc].format(arch=wanted.arch), "-r", str(listed)]
    _run([*_module("uv"), *install], {}, cwd=work)
    shutil.rmtree(place / "bin", ignore_errors=True)
    for leftover in (*place.glob("*.dist-info/RECORD"), *place.glob("*.dist-info/direct_url.json"), place / ".lock"):
        leftover.unlink(missing_ok=True)  # names what was removed
    return place


def _environment(source: Path, work: Path) -> str:
    """A Python with the same, and PyInstaller: with no more in reach, no more is packed."""
    listed, place = _listed(source, work, "documents", "build"), work / "environment"
    base = str(getattr(sys, "_base_executable", "") or sys.executable)
    _run([*_module("uv"), "venv", "--quiet", "--no-config", "--python", base, str(place)], {}, cwd=work)
    python = str(place / "bin" / "python")
    install = ["pip", "install", "--quiet", "--python", python, "--require-hashes", "--no-deps", "--no-config"]
    _run([*_module("uv"), *install, "-r", str(listed)], {}, cwd=work)
    return python


def _listed(source: Path, work: Path, *extras: str) -> Path:
    """What the lock file names, with hashes, as requirements."""
    listed = work / "requirements.txt"
    export = ["export", "--project", str(source), "--frozen", "--no-dev", "--quiet", "--no-emit-project"]
    export += ["--no-annotate", "--no-header", "--output-file", str(listed)]
    export += [word for extra in extras for word in ("--extra", extra)]
    _run([*_module("uv"), *export], {}, cwd=work)
    return listed


def _tar(folder: Path, target: Path) -> None:
    """A tar.gz that depends on names, bytes and one bit of the mode alone; links are what they lead to."""
    epoch = _epoch()
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=epoch) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            data = path.read_bytes()
            entry = tarfile.TarInfo(f"vigo-agent/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mtime = len(data), epoch
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(entry, io.BytesIO(data))


def _epoch() -> int:
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(told) if told.isdigit() else EPOCH


def _module(name: str) -> list[str]:
    if find_spec(name) is None:
        raise Problem(f"{name} is not installed", hint="the extra `build` brings it: pip install 'vigo[build]'")
    return [sys.executable, "-m", name]


def _run(command: Sequence[str], environment: Mapping[str, str], *, cwd: Path) -> None:
    inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
    env = inherited | {"SOURCE_DATE_EPOCH": str(_epoch()), "PYTHONDONTWRITEBYTECODE": "1"} | dict(environment)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=env, cwd=cwd, check=False)
    except subprocess.TimeoutExpired as error:
        raise Problem(f"{command[2]} did not end within {TIMEOUT_S} s") from error
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
        raise Problem(f"{command[2]} ended with {done.returncode}:\n{said}")
