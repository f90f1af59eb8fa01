"""A directory that is one commit of a git repository. See `GitSpec`; `agent.tools.git` keeps git itself in check.

The checkout must be in the hands of who git runs as: of root's nobody else may have the directory or `.git`, for who
has those says what git does. Locks that a kill left are removed: nobody else works there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent import places
from agent.hosts import Host, HostFault, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import git
from agent.tools.git import Repository
from schema.resources.git import GitSpec

_LOCKS: Final = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock")
_UNDER_WAY: Final = "vigo-checkout"
"""Holds the commit that is being checked out where nothing was changed before."""
_MAX_SHOWN: Final = 10
_OTHERS_WRITE: Final = 0o022


class GitState(NamedTuple):
    """The checkout as it was found; `head` None: nothing is checked out."""

    stat: Stat | None
    commit: str
    head: str | None = None
    changed: tuple[str, ...] = ()
    configured: bool = False
    """Its configuration is ours: git was run in it."""
    note: str = ""


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return "needs git" if host.which("git") is None else None


def check(host: Host, spec: GitSpec) -> GitState:
    """See `ResourceType`."""
    repository = _repository(spec)
    stat = host.lstat(spec.path)
    if stat is not None:
        _vet(host, spec, stat)
    commit = spec.commit or git.commit_of(host, repository, spec.revision)
    state = GitState(stat, commit)
    if stat is None or not _is_ours(host, spec):
        return state
    head = git.head(host, repository)
    state = state._replace(head=head, configured=True)
    if head is None or spec.keep_local:
        return state
    return state._replace(changed=tuple(git.changed(host, repository)))


def diff(_spec: GitSpec, state: GitState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.stat is None:
        return (Change("state", "absent", Kind.DIRECTORY), Change("commit", None, state.commit))
    found = [] if state.configured else [Change("repository", "not ours", "ours")]
    if state.head != state.commit:
        found.append(Change("commit", state.head, state.commit))
    found += [Change("changed", name, None) for name in state.changed[:_MAX_SHOWN]]
    more = len(state.changed) - _MAX_SHOWN
    return [*found, Change("changed", f"and {more} more", None)] if more > 0 else found


def apply(host: Host, spec: GitSpec, state: GitState) -> None:
    """See `ResourceType`."""
    repository = _repository(spec)
    uid = None if spec.user is None else host.uid(spec.user)
    if spec.user is not None and uid is None:
        raise ResourceFailed(f"there is no user {spec.user} on this host")
    if state.stat is None:
        host.mkdir(spec.path, mode=0o755, uid=uid)
    elif not state.configured and host.lstat(f"{spec.path}/.git") is None and host.listdir(spec.path):
        raise ResourceFailed(f"{spec.path} is no checkout and not empty: it is left alone")
    if not state.configured:
        git.create(host, repository)
        config = f"{spec.path}/.git/config"
        host.write(config, git.CONFIG, mode=0o644, uid=uid)
    for lock in _LOCKS:
        host.remove(f"{spec.path}/.git/{lock}")
    git.fetch(host, repository, spec.revision, state.commit)
    mark = f"{spec.path}/.git/{_UNDER_WAY}"
    force = not spec.keep_local or _nothing_to_keep(host, repository, state, mark)
    if spec.keep_local and force:
        host.write(mark, state.commit.encode(), mode=0o600, uid=uid)
    git.checkout(host, repository, state.commit, force=force)
    host.remove(mark)


def action(_spec: GitSpec, state: GitState) -> str:
    """See `ResourceType`."""
    return "create" if state.stat is None else "update"


def paths(spec: GitSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


def shows_in(_host: Host, spec: GitSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (places.contents(spec.path),)


GIT: Final = ResourceType(
    spec=GitSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    needs_network=True,
    shows_in=shows_in,
    unseen="that the revision has moved on",
)


def _nothing_to_keep(host: Host, repository: Repository, state: GitState, mark: str) -> bool:
    """Whether no file was changed but by a checkout of this very commit that a kill broke off."""
    if state.head is None or not git.changed(host, repository):
        return True
    found = host.lstat(mark)
    return found is not None and found.kind is Kind.FILE and host.read(mark) == state.commit.encode()


def _repository(spec: GitSpec) -> Repository:
    return Repository(spec.path, spec.url, spec.user, spec.key_file, spec.ca_file, spec.timeout_s)


def _is_ours(host: Host, spec: GitSpec) -> bool:
    """Whether git may be run there: all that configures it is what we wrote."""
    place = f"{spec.path}/.git"
    stat, configured = host.lstat(place), host.lstat(f"{place}/config")
    if stat is None or configured is None or host.lstat(f"{place}/HEAD") is None:
        return False
    _vet(host, spec, stat)
    try:
        return host.read(f"{place}/config") == git.CONFIG
    except HostFault:
        return False


def _vet(host: Host, spec: GitSpec, stat: Stat) -> None:
    if stat.kind is not Kind.DIRECTORY:
        raise ResourceFailed(f"{spec.path} is no checkout: a {stat.kind} is where a directory should be")
    if spec.user is not None or host.guards(spec.path) or not host.privileged:
        return
    if stat.uid != 0 or stat.mode & _OTHERS_WRITE:
        whose = host.user_name(stat.uid) if stat.uid != 0 else "others"
        raise ResourceFailed(f"{spec.path} is in the hands of {whose}: git is not run there as root (see user)")
