"""Python packages by the real pip, from an index in a directory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import Ran, RealHost
from agent.resources import TYPES
from agent.resources.types import Converged


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simple index (PEP 503) with two versions of one package."""
    where = tmp_path_factory.mktemp("index")
    place = where / "vigo-tiny"
    place.mkdir()
    names = []
    for version in ("1.0", "2.0"):
        names.append(f"vigo_tiny-{version}-py3-none-any.whl")
        metadata = f"vigo_tiny-{version}.dist-info"
        with zipfile.ZipFile(place / names[-1], "w") as wheel:
            wheel.writestr("vigo_tiny.py", "")
            wheel.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: vigo-tiny\nVersion: {version}\n")
            wheel.writestr(
                f"{metadata}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{metadata}/RECORD", "")
    (place / "index.html").write_text("".join(f'<a href="{name}">{name}</a>\n' for name in names))
    return where


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that borrows the pip of its base: one of its own takes seconds to make."""
    where = tmp_path / "venv"
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], check=False, capture_output=True).returncode:
        pytest.skip("needs pip in the Python that runs the tests")
    subprocess.run([base, "-m", "venv", "--without-pip", "--system-site-packages", str(where)], check=True)
    return where


def test_a_package_in_an_environment_from_the_beginning_to_the_end(index: Path, venv: Path, tmp_path: Path) -> None:
    here = {"venv": str(venv), "index_url": f"file://{index}"}
    file = tmp_path / "requirements.txt"
    file.write_text("vigo-tiny>=2\nnot-for-us==1; python_version < '3'\n")
    made = converge(package="Vigo.Tiny", version="1.0", **here)
    assert (made.action, made.error) == ("install", "")
    assert converge(requirements=str(file), **here).diff == "requirements: not met → met"
    assert converge(package="vigo-tiny", state="absent", **here).diff == "state: 2.0 → absent"


class Plain(RealHost):
    """This machine, without what it tells pip of indexes."""

    def run(self, argv: Sequence[str], **options: Any) -> Ran:
        options["env"] = {**(options.get("env") or {}), "PIP_CONFIG_FILE": os.devnull}
        return super().run(argv, **options)


def converge(**spec: Any) -> Converged:
    """Where it succeeds, what is applied has been checked again."""
    kind, host = TYPES["pip_package"], Plain("/")
    result: Converged = kind.converge(host, kind.spec.model_validate(spec), dry_run=False)
    host.close()
    return result
