"""The agent's package: a wheel (PyPA's binary distribution format 1.0) of two of our own packages."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from schema.errors import Unavailable

PACKAGES: Final = ("agent", "schema")
_DISTRIBUTION: Final = "vigo"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""What zip calls the beginning of time: the wheel's bytes depend on its contents alone."""


class NoSources(Unavailable):
    """The agent's own packages are not installed beside the server's."""

    code = "bootstrap.no_sources"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to install an agent from."""

    name: str
    version: str
    data: bytes
    sha256: str


def build() -> Artifact:
    """The wheel of the agent as it is installed here.

    Raises:
        NoSources: it is not.
    """
    try:
        release = version(_DISTRIBUTION)
        needs = [one for one in requires(_DISTRIBUTION) or [] if "extra ==" not in one]
    except PackageNotFoundError as error:
        raise NoSources("the vigo distribution is not installed, so its agent cannot be packed") from error
    info = f"vigo_agent-{release}.dist-info"
    files = dict(_sources())
    files[f"{info}/METADATA"] = _metadata(release, needs)
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: vigo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nvigo-agent = agent.cli:main\n"
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    data = _zipped(files)
    return Artifact(f"vigo_agent-{release}-py3-none-any.whl", release, data, hashlib.sha256(data).hexdigest())


def _sources() -> Iterator[tuple[str, bytes]]:
    for package in PACKAGES:
        # Found, not imported: the server never runs the agent's code.
        spec = find_spec(package)
        places = list(spec.submodule_search_locations or []) if spec is not None else []
        if not places:
            raise NoSources(f"the package {package} is not installed, so the agent cannot be packed")
        root = Path(places[0])
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix in {".py", ".typed"} and "__pycache__" not in path.parts:
                yield f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _metadata(release: str, needs: list[str]) -> bytes:
    lines = [
        "Metadata-Version: 2.3",
        "Name: vigo-agent",
        f"Version: {release}",
        "Summary: The agent of a Vigo server.",
        "License-Expression: Apache-2.0",
        "Requires-Python: >=3.11",
        *(f"Requires-Dist: {need}" for need in sorted(needs)),
    ]
    return ("\n".join(lines) + "\n").encode()


def _record(files: dict[str, bytes], own: str) -> bytes:
    lines = []
    for name, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
        lines.append(f"{name},sha256={digest},{len(data)}")
    return ("\n".join([*lines, f"{own},,"]) + "\n").encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()
