"""`vigo agent`: the builds of the agent that this server hands to hosts. Works on its data directory, with its key."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.exits import Problem
from api.cli.options import Json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from schema.protocol.artifacts import Manifest

app = typer.Typer(no_args_is_help=True, help="The builds of the agent that the server hands to hosts.")

DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The server's data directory, with its key; else VIGO_DATA_DIR.")
]


@app.command()
def build(
    *,
    self_contained: Annotated[
        bool, typer.Option("--self-contained", help="With this very Python, for hosts whose own is older than 3.11.")
    ] = False,
    python: Annotated[str | None, typer.Option(metavar="X.Y", help="The hosts' Python; this one's by default.")] = None,
    arch: Annotated[str | None, typer.Option(metavar="ARCH", help="Their `uname -m`, if another.")] = None,
    libc: Annotated[str | None, typer.Option(metavar="LIBC", help="glibc or musl; this machine's by default.")] = None,
    source: Annotated[Path | None, typer.Option(metavar="DIR", help="A checkout of Vigo, with its lock file.")] = None,
    unsigned: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Leave the build here, for `vigo agent sign` where the server's key is."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Build the agent with all it needs, sign it, and hand it to hosts from now on.

    The dependencies are those of the checkout's lock file, each checked by its hash. The same checkout gives the same
    bytes. A running server takes a new build up by itself.
    """
    from api.cli import packing

    here = packing.here()
    if libc not in (None, "glibc", "musl"):
        raise Problem(f"there is no libc {libc}", hint="glibc or musl")
    wanted = packing.For(arch or here.arch, "musl" if (libc or here.libc) == "musl" else "glibc", python or here.python)
    if self_contained and wanted != here:
        raise Problem("a self-contained build is for machines like the one that makes it", hint="build it there")
    checkout = source or Path(__file__).parents[2]
    key = None if unsigned is not None else _key(data_dir)
    with TemporaryDirectory(prefix="vigo-build-") as folder:
        out = Path(folder)
        path, draft = packing.self_contained(checkout, out) if self_contained else packing.zipapp(checkout, wanted, out)
        if unsigned is not None:
            unsigned.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, unsigned / path.name)
            output.line(str(unsigned / path.name))
        else:
            assert key is not None
            _publish(path, draft, key, data_dir)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `vigo agent build --unsigned` made.")],
    *,
    data_dir: DataDir = None,
) -> None:
    """Sign a build that was made on another machine, and hand it to hosts from now on.

    Signed again, a build is newer than it was: hosts that took it back try it once more.
    """
    from api.cli import packing

    _publish(file, packing.draft_of(file.name), _key(data_dir), data_dir)


@app.command("list")
def list_(*, data_dir: DataDir = None, json_: Json = False) -> None:
    """List the builds that hosts are given, the newest first."""
    from api.services.bootstrap.builds import Builds

    found = [each.manifest for each in Builds(_artifacts(data_dir), _key(data_dir)).all()]
    if json_:
        output.emit_json([each.model_dump(mode="json") for each in found])
        return
    output.table(
        ("version", "kind", "python", "libc", "arch", "bytes", "sequence", "sha256"),
        [
            (each.version, each.kind, each.python or "its own", f"{each.libc} {each.libc_min}".strip(), each.arch,
             each.size, each.sequence, each.sha256[:12])
            for each in found
        ],
        empty="no builds yet; hosts get a wheel, and pip fetches the rest",
    )  # fmt: skip


def _publish(path: Path, draft: Manifest, key: Ed25519PrivateKey, data_dir: Path | None) -> None:
    from api.services.bootstrap.builds import publish
    from api.services.clock import SystemClock

    build = publish(_artifacts(data_dir), path, draft, key, now=SystemClock().now())
    output.line(str(build.path))
    output.note(f"{build.manifest.size} bytes, sha256 {build.manifest.sha256}, sequence {build.manifest.sequence}")


def _artifacts(data_dir: Path | None) -> Path:
    return _data(data_dir) / "artifacts"


def _data(data_dir: Path | None) -> Path:
    if data_dir is not None:
        return data_dir
    from api.settings import Settings

    return Settings().data_dir


def _key(data_dir: Path | None) -> Ed25519PrivateKey:
    """The server's signing key.

    Raises:
        Problem: there is none: no server was ever started there, or it is another user's.
    """
    from api.services.pki import read_signing_key

    path = _data(data_dir) / "pki" / "signing.key"
    try:
        return read_signing_key(path)
    except OSError as error:
        hint = "--data-dir names the server's data directory; without it, --unsigned DIR"
        raise Problem(f"{path}: {error.strerror or error}", hint=hint) from error
