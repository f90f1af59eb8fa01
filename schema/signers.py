"""Signers: whose signatures count for a commit, what they may change, and who has to agree."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schema.diagnostics import Diagnostic
from schema.ids import Commit
from schema.time import Instant
from schema.users import Username

MAX_SIGNERS: Final = 1_000
MAX_RULES: Final = 200
MAX_PATTERNS: Final = 100
MAX_PATTERNS_IN_ALL: Final = 500
MAX_KEY_CHARS: Final = 64 * 1024
SERVER: Final = "vigo-server"
"""The principal of commits that the server itself made for somebody; see `Policy`."""

_SEGMENT: Final = re.compile(r"[^/\x00-\x1f\x7f]+")


def _read_pattern(text: str) -> str:
    if text.startswith("/") or not all(_SEGMENT.fullmatch(part) for part in text.removesuffix("/").split("/")):
        raise ValueError("a pattern is a path below the repository: `roles/**`, `secrets.vgo`, `environments/*/db.vgo`")
    if any("**" in part and part != "**" for part in text.split("/")):
        raise ValueError("`**` stands for whole directories: `roles/**`, not `roles**`")
    return text


def _read_principal(text: str) -> str:
    if not text.isprintable() or set(text) & set(' ,"*?!<>'):
        raise ValueError("a principal is one name without spaces, commas or wildcards, such as alice@example.com")
    return text


PathPattern = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_read_pattern)]
"""`*` and `?` within a name, `**` for any directories; one that ends with `/` is all below it."""
Principal = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_read_principal)]
Branch = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_read_pattern)]
Reason = Annotated[str, Field(min_length=1, max_length=1_000)]


class SignerKind(StrEnum):
    """Who verifies what is signed with a key."""

    SSH = "ssh"
    """A key of OpenSSH."""
    GPG = "gpg"
    """A key of OpenPGP."""


class Signer(BaseModel):
    """One key of one person."""

    id: str
    """By which it is revoked."""
    principal: str
    """Whose it is: what the rules of the policy name."""
    kind: SignerKind
    """Who verifies what is signed with it."""
    fingerprint: str
    """`SHA256:…` of an SSH key; 40 digits of an OpenPGP one."""
    key: str
    """Public: a line of OpenSSH, or an armoured block."""
    username: str = ""
    """The account of the same person; empty where nobody said."""
    valid_after: Instant | None = None
    """Commits that came before do not count; null where there is no bound."""
    valid_before: Instant | None = None
    """A commit counts by when this server first saw it, not by the time that it says itself."""
    added_at: Instant
    """When it was added."""
    added_by: str
    """Name of whoever added it."""
    revoked_at: Instant | None = None
    """When it was revoked; null while it counts."""
    revoked_by: str = ""
    """Name of whoever revoked it; empty while it counts."""
    revoked_reason: str = ""
    """Why it was revoked; empty while it counts."""


class SignerList(BaseModel):
    """All keys, by principal."""

    version: int
    """Of the policy and the keys together; it grows with each change of either."""
    signers: list[Signer]
    """Those that are revoked too."""


class SignerAdd(BaseModel):
    """A key that is to count."""

    model_config = ConfigDict(extra="forbid")

    principal: Principal
    """Whose it is: what the rules of the policy name."""
    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS)]
    """Public: a line of OpenSSH, or an armoured block of OpenPGP."""
    username: Username | Literal[""] = ""
    """The account of the same person, so that an approval and a signature count as one person's."""
    valid_after: Instant | None = None
    """Commits that came before do not count; no bound when not given."""
    valid_before: Instant | None = None
    """Commits that come after do not count; no bound when not given."""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    """For the audit log."""


class SignersImport(BaseModel):
    """A file of allowed signers, as OpenSSH has it."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=512 * 1024)]
    """Lines as ssh-keygen(1) reads them under ALLOWED SIGNERS."""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    """For the audit log."""


class Because(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    """For the audit log."""


class Rule(BaseModel):
    """Who may sign changes of some paths."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: Annotated[list[PathPattern], Field(min_length=1, max_length=MAX_PATTERNS)]
    """Patterns of paths in the repository: `roles/**`, `secrets.vgo`."""
    branches: Annotated[list[Branch], Field(min_length=1, max_length=MAX_PATTERNS)] = ["*"]
    """The rule holds while the server follows one of these; `*` within a name."""
    signers: Annotated[list[Principal], Field(min_length=1, max_length=MAX_PATTERNS)]
    """Principals, or names of accounts. `vigo-server` is whatever the server commits by itself."""
    threshold: Annotated[int, Field(ge=1, le=10)] = 1
    """How many of these people have to stand behind a change: who signed it, and who approved it."""


class Policy(BaseModel):
    """What commits need before they come into force. Without one, nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    """Whether every commit has to be signed by a known key, also where no rule says so."""
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)] = []
    """Of the rules that match a path, the last decides."""
    two_person: Annotated[list[PathPattern], Field(max_length=MAX_PATTERNS)] = []
    """A change of these needs a second person. While there are any, or a rule with a threshold above one, so does a
    change of this policy or of the keys."""
    exempt: Annotated[list[Commit], Field(max_length=MAX_PATTERNS)] = []
    """Commits that are taken as they are."""

    @model_validator(mode="after")
    def _is_small(self) -> Self:
        if sum(len(rule.paths) + len(rule.branches) for rule in self.rules) > MAX_PATTERNS_IN_ALL:
            raise ValueError(f"a policy has at most {MAX_PATTERNS_IN_ALL} patterns in all its rules")
        return self

    @property
    def asks(self) -> bool:
        """Whether there is anything to be judged."""
        return self.required or bool(self.rules) or bool(self.two_person)

    @property
    def takes_two(self) -> bool:
        """Whether anything needs more than one person: then so does a change of what is asked."""
        return bool(self.two_person) or any(rule.threshold > 1 for rule in self.rules)


class PolicyVersion(BaseModel):
    """The policy in force."""

    version: int
    """0 before the first change."""
    policy: Policy
    """What commits need before they come into force."""
    changed_at: Instant | None = None
    """When it became so; null before the first change."""
    changed_by: str = ""
    """Name of whoever changed it; empty before the first change."""
    confirmed_by: str = ""
    """The second person, where one was needed."""
    reason: str = ""
    """Why it was changed."""


class PolicyUpdate(BaseModel):
    """Another policy, whole."""

    model_config = ConfigDict(extra="forbid")

    policy: Policy
    """All of it: what is left out is no longer asked."""
    reason: Reason
    """For the audit log."""
    version: int | None = None
    """The one it is meant to follow: refused where another came between. None is whichever there is."""


class ProposalKind(StrEnum):
    """What needs a second person."""

    POLICY = "policy"
    """Another policy."""
    SIGNERS = "signers"
    """Other keys."""
    ACCEPT = "accept"
    """A commit that does not descend from the one in force."""


class ProposalState(StrEnum):
    """What became of a proposal."""

    WAITING = "waiting"
    """It waits for a second person."""
    CONFIRMED = "confirmed"
    """A second person has confirmed it, and it is done."""
    WITHDRAWN = "withdrawn"
    """It was taken back."""


class Proposal(BaseModel):
    """A change that waits for a second person, or did."""

    id: str
    """By which it is confirmed or withdrawn."""
    kind: ProposalKind
    """What it would change."""
    summary: str
    """What it would change, in a sentence."""
    body: str
    """The change itself, in JSON."""
    reason: str
    """Why, as whoever proposed it says."""
    state: ProposalState
    """What became of it."""
    proposed_at: Instant
    """When the first person asked for it."""
    proposed_by: str
    """Name of the first person."""
    expires_at: Instant
    """From when on it can no longer be confirmed."""
    decided_at: Instant | None = None
    """When it was confirmed or withdrawn; null while it waits."""
    decided_by: str = ""
    """Name of whoever confirmed or withdrew it; empty while it waits."""


class ProposalList(BaseModel):
    """Proposals, newest first."""

    proposals: list[Proposal]
    """Waiting and decided."""


class Changed(BaseModel):
    """What became of a change."""

    status: Literal["done", "proposed", "unchanged"]
    """`proposed` where it waits for a second person."""
    version: int
    """Of the policy and keys now."""
    proposal: Proposal | None = None
    """The one that waits, where a second person is needed."""


class Approval(BaseModel):
    """Somebody stands behind a commit, and so behind all that it brings."""

    commit: Commit
    """The commit that is approved."""
    username: str
    """Name of whoever approved it."""
    approved_at: Instant
    """When it was approved."""
    reason: str
    """Why; empty where nobody said."""


class ApprovalAdd(BaseModel):
    """Standing behind a commit."""

    model_config = ConfigDict(extra="forbid")

    commit: Commit
    """That is approved, by its full id."""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    """For the audit log."""


class ApprovalList(BaseModel):
    """Approvals, newest first."""

    approvals: list[Approval]
    """The approvals of this page."""


class Judgement(BaseModel):
    """What the policy says of a commit on top of the one in force."""

    commit: Commit
    """The commit that was judged."""
    base: Commit | None
    """In force, on which it was judged; null while nothing is."""
    version: int
    """Of the policy and keys that it was judged by."""
    trusted: bool
    """Whether it may come into force."""
    commits: int
    """How many were looked at: those between the two, and what merges bring."""
    diagnostics: list[Diagnostic]
    """What it lacks, commit by commit."""
    let_through: list[Commit] = []
    """Those that lack a second person and that break-glass lets through."""


class RefResult(StrEnum):
    """What became of the commit that a ref came to name."""

    WAITING = "waiting"
    """It is yet to be judged."""
    IN_FORCE = "in_force"
    """It came into force."""
    FAILED = "failed"
    """It does not compile."""
    DIVERGED = "diverged"
    """It does not descend from the one in force."""
    UNTRUSTED = "untrusted"
    """It is not signed or approved as the policy asks."""
    PASSED_OVER = "passed_over"
    """The ref moved on before it was judged."""
    DELETED = "deleted"
    """The ref was deleted."""


class RefMove(BaseModel):
    """One move of the tracked ref, as this server saw it."""

    number: int
    """Counted up; what `before` of the next page is compared with."""
    ref: str
    """In full: `refs/heads/main`."""
    old: Commit | None
    """The commit before; null where there was none."""
    new: Commit | None
    """None: the ref is gone."""
    seen_at: Instant
    """When this server saw it."""
    result: RefResult
    """What became of the commit."""


class RefLog(BaseModel):
    """Moves, newest first."""

    moves: list[RefMove]
    """The moves of this page."""
    kept: int
    """How many are kept at most; the audit log has all."""


class AcceptCommit(BaseModel):
    """An override: a commit is taken although it does not descend from the one in force."""

    model_config = ConfigDict(extra="forbid")

    commit: Commit
    """That is to come into force, by its full id."""
    reason: Reason
    """For the audit log."""
