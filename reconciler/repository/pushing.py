"""The child that pushes: one commit to one ref of one remote, one attempt, within limits, never forced.

Run as a program by `remotes`, as `fetching` is. The ref moves only from where it is expected: that is compared with
what the remote announces in the very connection that moves it, and the remote compares once more.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final, TypedDict

import pygit2

from reconciler.repository import libgit2
from reconciler.repository.fetching import EXHAUSTED, Callbacks, Identity, confine

MAX_SAID_CHARS: Final = 4_096
NO_COMMIT: Final = "0" * 40
SOURCE: Final = "refs/heads/push"
"""The ref of the scratch repository that leads to the commit."""

_PROTECTED: Final = re.compile(
    r"protected branch|branch is protected|protected ref|GH006|GH013|not allowed to push (code )?to|"
    r"must be made through a (pull|merge) request|refusing to update checked out branch|"
    r"prohibited by Gerrit|push to this branch is not allowed",
    re.IGNORECASE,
)
"""What GitHub, GitLab, Gitea, Bitbucket, Gerrit and git itself say where a branch is not for pushing."""
_MOVED: Final = re.compile(
    r"failed to (update|lock) ref|cannot lock ref|fetch first|non-fast-forward|incorrect old value|stale info|"
    r"reference already exists|remote ref updated since",
    re.IGNORECASE,
)


class Job(Identity):
    """What the child is asked for. The commit is in the repository in `scratch`, which borrows the copy's objects."""

    ref: str
    commit: str
    expected: str
    """The commit that the remote's ref is at; `NO_COMMIT` where it is not there yet."""


class Answer(TypedDict):
    """What came of it."""

    fault: str
    """Empty, `moved`, `protected`, `refused`, `failed`, `untrusted`, `denied` or `limit`."""
    message: str
    sent: bool
    """Whether the remote may have taken the commit, though it did not say so."""


class _Callbacks(Callbacks):
    """Compares before anything is sent, and hears what the remote says."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._push: Final = job
        self.moved = False
        self.sent = False
        self.answered = False
        self.refusal = ""
        self.said = ""

    def push_negotiation(self, updates: list[Any]) -> None:
        """Go on only where the remote's ref is at what was expected; then what follows may count."""
        for update in updates:
            self.moved = self.moved or str(update.src) != self._push["expected"]
        if self.moved:
            raise pygit2.GitError("the ref has moved")
        self.sent = True

    def push_update_reference(self, refname: str, message: str) -> None:  # noqa: ARG002
        """The remote's word on the ref."""
        self.answered, self.refusal = True, message or ""

    def sideband_progress(self, string: str) -> None:
        """What it says beside."""
        self.said = (self.said + string)[:MAX_SAID_CHARS]


def push(job: Job) -> Answer:
    """Move the remote's ref to the commit."""
    callbacks = _Callbacks(job)
    try:
        git = pygit2.Repository(str(Path(job["scratch"]) / "repo.git"))
        git.remotes.create_anonymous(job["url"]).push([f"{SOURCE}:{job['ref']}"], callbacks=callbacks)
    except (MemoryError, pygit2.GitError, OSError, ValueError, KeyError) as error:
        return _failed(callbacks, str(error) or type(error).__name__)
    if not callbacks.answered:
        return Answer(fault="failed", message="it did not say whether it took the commit", sent=callbacks.sent)
    if callbacks.refusal:
        return _refused(callbacks)
    return Answer(fault="", message="", sent=True)


def _refused(callbacks: _Callbacks) -> Answer:
    text = f"{callbacks.refusal} {callbacks.said}"
    kind = "protected" if _PROTECTED.search(text) else "moved" if _MOVED.search(text) else "refused"
    said = " ".join(callbacks.said.replace("remote:", " ").split())
    return Answer(fault=kind, message=": ".join(part for part in (callbacks.refusal, said) if part), sent=False)


def _failed(callbacks: _Callbacks, message: str) -> Answer:
    sent = callbacks.sent and not callbacks.answered
    if callbacks.distrusted:
        return Answer(fault="untrusted", message="its certificate or host key is not one we trust", sent=False)
    if callbacks.moved or "not present locally" in message or "non-fastforwardable" in message:
        return Answer(fault="moved", message="the ref has moved", sent=False)
    if callbacks.denied and ("let us in" in message or "403" in message):
        return Answer(fault="denied", message="it does not let us push with the credentials we have", sent=False)
    if callbacks.refusal:
        return _refused(callbacks)
    for sign, what in EXHAUSTED:
        if sign in message:
            return Answer(fault="limit", message=what, sent=sent)
    return Answer(fault="failed", message=message, sent=sent)


def main() -> None:
    """Read a job, push, write the answer."""
    job: Any = json.load(sys.stdin)
    libgit2.harden(str(Path(job["scratch"]) / "home"))
    confine(job)
    json.dump(push(job), sys.stdout)


if __name__ == "__main__":
    main()
