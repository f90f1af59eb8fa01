"""Write: a commit made of changed paths, without a checkout; and a new repository.

The ref moves last and only from where it was read, so that a commit is there whole or not at all. Where the ref is the
one a work tree has checked out, its files and index follow, unless they hold changes of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pygit2

from reconciler.repository import drafts, libgit2, revisions, unfinished, work_tree
from reconciler.repository.drafts import Author as Author
from reconciler.repository.drafts import Draft, Sign
from reconciler.repository.faults import ReadOnly, RefMoved, RepositoryDamaged
from reconciler.repository.repository import Repository, open_local
from schema.errors import Fault

DEFAULT_BRANCH: Final = "main"

log = logging.getLogger("vigo.repository")


def init(path: Path, *, bare: bool = False, branch: str = DEFAULT_BRANCH) -> Repository:
    """A new, empty repository at `path`; what stands there already is left alone and not yet committed.

    Raises:
        RevisionRefused: `branch` is no name for one.
    """
    libgit2.harden()
    revisions.check_ref(f"refs/heads/{branch}")
    pygit2.init_repository(str(path), bare=bare, initial_head=branch)
    return open_local(path)


def commit(
    repository: Repository,
    ref: str,
    changes: Mapping[str, bytes | None],
    author: Author,
    message: str,
    *,
    expected: str | None = None,
    committer: Author | None = None,
    sign: Sign | None = None,
    time_s: int | None = None,
) -> str:
    """Commit some paths on top of a ref, and give the new commit (full hex). No difference: no commit, and the tip.

    Args:
        ref: a branch name or `refs/…`; made when it does not exist yet.
        changes, committer, sign, time_s: as `drafts.make`.
        expected: the commit that `ref` must be at; None is wherever it is now.

    Raises:
        ChangeRefused: as `drafts.make`. RevisionRefused: `ref` is no ref. RepositoryDamaged: objects cannot be read.
        RefMoved: `ref` is not at `expected`; and as `publish`.
    """
    _check_ours(repository)
    name = full_branch(repository, ref)
    tip = revisions.find_ref(repository.git, name)
    if expected is not None and tip != expected:
        raise RefMoved(f"{name} is at {tip or 'no commit'}, not at {expected}", ref=name, commit=tip)
    tree = repository.tree_id(tip) if tip is not None else None
    draft = drafts.make(
        repository.objects, tip, tree, changes, author, message, committer=committer, sign=sign, time_s=time_s
    )
    if draft is None:
        assert tip is not None
        return tip
    publish(repository, name, draft, expected=tip, changes=changes)
    return draft.commit


def full_branch(repository: Repository, ref: str) -> str:
    """The full ref that a branch's name, `refs/…` or `HEAD` stands for.

    Raises:
        RevisionRefused: it is no ref.
    """
    name = revisions.full_ref(ref)
    return str(repository.git.lookup_reference("HEAD").target) if name == "HEAD" else name


def publish(
    repository: Repository, ref: str, draft: Draft, *, expected: str | None, changes: Mapping[str, bytes | None]
) -> None:
    """Store a draft and move a ref to it, from where it is expected and from nowhere else.

    Args:
        ref: in full.
        expected: the commit it is at; None when it is not to be there yet.
        changes: what the draft was made of, for the work tree that follows.

    Raises:
        RefMoved: the ref is elsewhere, or moved meanwhile. Nothing has changed.
        WorkTreeChanged: the checked out files differ from the tip, or a git is at work there. Nothing has changed.
        ReadOnly: this is a copy of a remote.
        RepositoryDamaged: the commit cannot be written, or what an earlier one has left unfinished.
    """
    _check_ours(repository)
    top = work_tree.checked_out(repository, ref)
    with unfinished.turn(repository) as turn, turn.index() if top is not None else nullcontext():
        if top is not None:
            work_tree.require_clean(repository, top, repository.tree_id(expected) if expected else None, changes)
        draft.store(repository.git)
        turn.begin(ref, expected, draft.commit)
        try:
            _advance(repository.git, ref, expected, draft.commit)
        except Fault:
            turn.end()
            raise
        if top is not None:
            try:
                work_tree.follow(repository, top, draft.tree, changes)
            except (OSError, pygit2.GitError) as error:
                # A full disk, perhaps. The commit is there, and whoever is the next here tries again.
                log.warning("the files of %s do not follow %s yet: %s", top, draft.commit[:12], error)
                return
        turn.end()


def _check_ours(repository: Repository) -> None:
    if repository.copy is not None:
        raise ReadOnly(f"this is a copy of {repository.copy.remote}: commit there")


def _advance(git: pygit2.Repository, ref: str, old: str | None, new: str) -> None:
    try:
        if old is None:
            git.references.create(ref, new)
            return
        reference = git.references[ref].resolve()
        if str(reference.target) != old:
            raise RefMoved(f"{ref} moved to {reference.target} meanwhile", ref=ref, commit=str(reference.target))
        # libgit2 compares once more, with the ref locked.
        reference.set_target(new, "commit: by vigo")
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        now = revisions.find_ref(git, ref)
        if now != old:
            raise RefMoved(f"{ref} moved to {now or 'nothing'} meanwhile", ref=ref, commit=now) from error
        raise RepositoryDamaged(f"{ref} cannot be written: {error}") from error
