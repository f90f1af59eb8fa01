"""What git can refuse, and by its kind what the loop does next."""

from __future__ import annotations

from schema.errors import Conflict, Invalid, NotFound, Stalled, Unavailable


class LocationRefused(Invalid):
    """Not a place we read a repository from: a path, or an https or ssh URL without credentials in it."""

    code = "repository.location_refused"


class RepositoryNotFound(NotFound):
    """There is no git repository at this path."""

    code = "repository.not_found"


class RepositoryUntrusted(Invalid):
    """The repository belongs to another user of this machine, who could steer what is read from it."""

    code = "repository.untrusted"


class RepositoryDamaged(Unavailable):
    """An object or ref cannot be read: missing, torn, or not what its id says."""

    code = "repository.damaged"


class RevisionRefused(Invalid):
    """Not a revision in a form we accept: an exact ref, a branch name, or a commit in hex."""

    code = "repository.revision_refused"


class RevisionNotFound(NotFound):
    """No commit by that name."""

    code = "repository.revision_not_found"


class TreeRefused(Stalled):
    """A tree beyond the limits, or one that git itself would not have written. Only another commit helps."""

    code = "repository.tree_refused"


class FetchFailed(Unavailable):
    """The remote is silent, answers nonsense, or does not let us in."""

    code = "repository.fetch_failed"


class RemoteUntrusted(FetchFailed):
    """The remote is not who it should be: wrong certificate or wrong host key."""

    code = "repository.remote_untrusted"


class FetchLimit(FetchFailed):
    """A fetch needed more time, memory or disk than it may have; nothing of it was kept."""

    code = "repository.fetch_limit"


class ReadingLimit(Stalled):
    """Reading a commit took more time or memory than it may, or ended the process that reads it first. Only another
    commit helps."""

    code = "repository.reading_limit"


class ReaderMissing(Unavailable):
    """The process that reads commits first cannot be started."""

    code = "repository.reader_missing"


class RefGone(Unavailable):
    """The ref that is followed was there, and is not any more: it was deleted. What is in force stays."""

    code = "repository.ref_gone"


class ReadOnly(Conflict):
    """The repository is a copy of a remote: commits are made there."""

    code = "repository.read_only"


class RefMoved(Conflict):
    """Somebody else moved the ref first."""

    code = "repository.ref_moved"


class ChangeRefused(Invalid):
    """A change that no commit can hold: a forbidden path, or a file where a directory is."""

    code = "repository.change_refused"


class WorkTreeChanged(Conflict):
    """The work tree holds changes of its own to these paths; they would be lost."""

    code = "repository.work_tree_changed"


class BranchProtected(Conflict):
    """The remote takes commits to this branch only by review."""

    code = "repository.branch_protected"


class PushRefused(Conflict):
    """The remote does not take the commit, and says why."""

    code = "repository.push_refused"


class PushFailed(Unavailable):
    """The remote did not say whether it took the commit."""

    code = "repository.push_failed"
