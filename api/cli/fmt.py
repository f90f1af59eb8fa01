"""`vigo fmt`: the canonical layout, written in place or only asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import local, output, validate
from api.cli.exits import Exit, Problem

if TYPE_CHECKING:
    from reconciler.repository.trees import Tree


def fmt(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Files and directories.", show_default=False)
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; list what would change.")] = False,
) -> None:
    """Write config files in the canonical layout, comments kept.

    What a file says never changes: one that cannot be read, or written again without a loss, is left alone.
    Ends 2 when there was one, and with --check when a file would change.
    """
    count = changed = left = 0
    for root, tree, names in _chosen(paths or [Path()]):
        for name in names:
            count += 1
            match _format(root, tree, name, check=check):
                case None:
                    left += 1
                case True:
                    changed += 1
    said = [f"{changed} of {count} files {'would change' if check else 'changed'}"]
    output.note(", ".join(said + ([f"{left} left alone"] if left else [])))
    if left or (check and changed):
        raise typer.Exit(Exit.INVALID)


def _chosen(paths: list[Path]) -> list[tuple[Path, Tree, list[str]]]:
    """For each config root, its tree and the documents in it that the paths mean."""
    from reconciler import repository
    from reconciler.documents import kinds

    found: dict[Path, tuple[Tree, set[str]]] = {}
    for path in paths:
        root = local.root_of(path)
        tree, names = found.setdefault(root, (repository.directory(root), set()))
        inside = path.resolve().relative_to(root).as_posix()
        meant = {
            name
            for name in tree.entries()
            if isinstance(kinds.place(name), kinds.Kind)
            and (inside in {".", name} or (path.is_dir() and name.startswith(f"{inside}/")))
        }
        if not meant and not path.is_dir():
            raise Problem(f"{path} is no config file")
        names |= meant
    return [(root, tree, sorted(names)) for root, (tree, names) in found.items()]


def _format(root: Path, tree: Tree, name: str, *, check: bool) -> bool | None:
    """Whether a file changed, or would; None when it was left alone, which has been said."""
    from reconciler.documents import compose, formatting, kinds

    kind = kinds.place(name)
    assert isinstance(kind, kinds.Kind)
    source = tree.read(tree.entries()[name].oid)
    complaints = compose.compose(source).complaints
    if complaints:
        validate.show(tree, [each.at(name) for each in complaints])
        return None
    try:
        written = formatting.canonical(source, kind)
    except formatting.NotFormattable as fault:
        output.warning(f"{name} is left as it is: {fault.message}")
        return None
    if written == source:
        return False
    typer.echo(output.visible(name))
    if not check:
        _replace(root / name, written, before=source)
    return True


def _replace(path: Path, content: bytes, *, before: bytes) -> None:
    """Put content in a file's place at once, with its permissions; a reader sees the old or the new.

    Raises:
        Problem: somebody else has written it since it was read, or it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(path.stat().st_mode & 0o7777)
            if path.read_bytes() != before:
                raise Problem(f"{path} was changed by somebody else meanwhile", exit=Exit.CONFLICT)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from error
