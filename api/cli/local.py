"""Reading a config repository here, with no server: which tree is meant, and what it compiles to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.cli.exits import Exit, Problem

if TYPE_CHECKING:
    from reconciler.graph import Cache, Compilation, Graph
    from reconciler.repository import Repository
    from reconciler.repository.trees import Tree
    from schema.diagnostics import Diagnostic

ROOT_FILE: Final = "vigo.vgo"


class InvalidConfig(Problem):
    """The tree has errors; `diagnostics` says which, `tree` has their source lines."""

    def __init__(self, tree: Tree, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("the configuration is not valid", exit=Exit.INVALID)
        self.tree = tree
        self.diagnostics = diagnostics


def open_tree(path: Path, *, rev: str | None = None, staged: bool = False) -> Tree:
    """The tree that a command line means.

    Args:
        path: of a directory in a working copy (its config root is looked for upwards), or of a bare repository.
        rev: a commit, branch or tag instead of the files as they stand.
        staged: what `git commit` would commit instead.

    Raises:
        Problem: no config repository there.
        schema.errors.Fault: git cannot give that revision.
    """
    from reconciler import repository

    if rev is not None and staged:
        raise Problem("--rev and --staged exclude each other")
    if not path.exists():
        raise Problem(f"{path} is not there")
    if staged:
        return repository.open(_git_root(path)).index()
    if rev is not None:
        opened = repository.open(_git_root(path))
        return opened.tree(opened.resolve(rev))
    if _config_root(path) is None and (path / "HEAD").is_file() and (path / "objects").is_dir():
        opened = repository.open(path)
        return opened.tree(opened.resolve("HEAD"))
    return repository.directory(root_of(path))


def root_of(path: Path) -> Path:
    """The root of the config repository that a file or directory belongs to.

    Raises:
        Problem: it is not there, or belongs to none.
    """
    if not path.exists():
        raise Problem(f"{path} is not there")
    root = _config_root(path)
    if root is None:
        raise Problem(
            f"{path.resolve()} is no config repository: neither it nor a directory above has {ROOT_FILE}",
            hint="`vigo init DIR` makes one to start from",
            exit=Exit.INVALID,
        )
    return root


def compile_(tree: Tree, path: Path | None = None) -> Compilation:
    """What a tree means.

    Args:
        path: with which the tree was opened. With it, what was found of a large tree is kept in the user's cache
            directory; that makes quick what asks about a few hosts, and slower what goes through all of them.
    """
    from reconciler.graph import storing

    return storing.compile_at(None if path is None else storing.place_of(_config_root(path) or path), tree)


def compiled(tree: Tree, path: Path | None = None) -> Graph:
    """What a tree compiles to; see `compile_`.

    Raises:
        InvalidConfig: it has errors.
    """
    compilation = compile_(tree, path)
    if compilation.graph is None:
        raise InvalidConfig(tree, compilation.diagnostics)
    return compilation.graph


def graph_at(repo: Path, rev: str | None, cache: Cache) -> Graph:
    """What a revision compiles to, with what is kept of others; without one, the files as they stand.

    Raises:
        InvalidConfig: it has errors. Problem, Fault: as `open_tree`.
    """
    from reconciler import graph

    tree = _tree(repo, rev)
    compilation = graph.compile_tree(tree, cache)
    if compilation.graph is None:
        raise InvalidConfig(tree, compilation.diagnostics)
    return compilation.graph


def _tree(repo: Path, rev: str | None) -> Tree:
    """The tree of a revision; `origin/main`, as a checkout of CI has it, is a remote's branch."""
    from reconciler.repository.faults import RevisionNotFound

    try:
        return open_tree(repo, rev=rev)
    except RevisionNotFound as not_found:
        if rev is None or "/" not in rev or rev.startswith("refs/"):
            raise
        try:
            return open_tree(repo, rev=f"refs/remotes/{rev}")
        except RevisionNotFound:
            raise not_found from None


def history(path: Path) -> Repository:
    """The git repository that a path is in.

    Raises:
        schema.errors.Fault: it is in none.
    """
    from reconciler import repository

    return repository.open(_git_root(path))


def below(path: Path) -> str:
    """Where the config root that a path means stands in its git repository: empty, or `some/directory/`."""
    root = _config_root(path)
    if root is None:
        return ""
    inside = root.relative_to(_git_root(root)).as_posix()
    return "" if inside == "." else f"{inside}/"


def _config_root(path: Path) -> Path | None:
    start = path.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ROOT_FILE).is_file()), None)


def _git_root(path: Path) -> Path:
    start = path.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
