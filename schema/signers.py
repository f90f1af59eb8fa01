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
    GPG = "gpg"


class Signer(BaseModel):
    """One key of one person."""

    id: str
    principal: str
    """Whose it is: what the rules of the policy name."""
    kind: SignerKind
    fingerprint: str
    """`SHA256:…` of an SSH key; 40 digits of an OpenPGP one."""
    key: str
    """Public: a line of OpenSSH, or an armoured block."""
    username: str = ""
    """The account of the same person; empty where nobody said."""
    valid_after: Instant | None = None
    valid_before: Instant | None = None
    """A commit counts by when this server first saw it, not by the time that it says itself."""
    added_at: Instant
    added_by: str
    revoked_at: Instant | None = None
    revoked_by: str = ""
    revoked_reason: str = ""


class SignerList(BaseModel):
    """All keys, by principal."""

    version: int
    """Of the policy and the keys together; it grows with each change of either."""
    signers: list[Signer]


class SignerAdd(BaseModel):
    """A key that is to count."""

    model_config = ConfigDict(extra="forbid")

    principal: Principal
    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS)]
    username: Username | Literal[""] = ""
    valid_after: Instant | None = None
    valid_before: Instant | None = None
    reason: Annotated[str, Field(max_length=1_000)] = ""


class SignersImport(BaseModel):
    """A file of allowed signers, as OpenSSH has it."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=512 * 1024)]
    reason: Annotated[str, Field(max_length=1_000)] = ""


class Because(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class Rule(BaseModel):
    """Who may sign changes of some paths."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: Annotated[list[PathPattern], Field(min_length=1, max_length=MAX_PATTERNS)]
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
    changed_at: Instant | None = None
    changed_by: str = ""
    confirmed_by: str = ""
    """The second person, where one was needed."""
    reason: str = ""


class PolicyUpdate(BaseModel):
    """Another policy, whole."""

    model_config = ConfigDict(extra="forbid")

    policy: Policy
    reason: Reason
    version: int | None = None
    """The one it is meant to follow: refused where another came between. None is whichever there is."""


class ProposalKind(StrEnum):
    """What needs a second person."""

    POLICY = "policy"
    SIGNERS = "signers"
    ACCEPT = "accept"


class ProposalState(StrEnum):
    """What became of a proposal."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Proposal(BaseModel):
    """A change that waits for a second person, or did."""

    id: str
    kind: ProposalKind
    summary: str
    body: str
    """The change itself, in JSON."""
    reason: str
    state: ProposalState
    proposed_at: Instant
    proposed_by: str
    expires_at: Instant
    decided_at: Instant | None = None
    decided_by: str = ""


class ProposalList(BaseModel):
    """Proposals, newest first."""

    proposals: list[Proposal]


class Changed(BaseModel):
    """What became of a change."""

    status: Literal["done", "proposed", "unchanged"]
    version: int
    """Of the policy and keys now."""
    proposal: Proposal | None = None
    """The one that waits, where a second person is needed."""


class Approval(BaseModel):
    """Somebody stands behind a commit, and so behind all that it brings."""

    commit: Commit
    username: str
    approved_at: Instant
    reason: str


class ApprovalAdd(BaseModel):
    """Standing behind a commit."""

    model_config = ConfigDict(extra="forbid")

    commit: Commit
    reason: Annotated[str, Field(max_length=1_000)] = ""


class ApprovalList(BaseModel):
    """Approvals, newest first."""

    approvals: list[Approval]


class Judgement(BaseModel):
    """What the policy says of a commit on top of the one in force."""

    commit: Commit
    base: Commit | None
    version: int
    trusted: bool
    commits: int
    """How many were looked at: those between the two, and what merges bring."""
    diagnostics: list[Diagnostic]
    let_through: list[Commit] = []
    """Those that lack a second person and that break-glass lets through."""


class RefResult(StrEnum):
    """What became of the commit that a ref came to name."""

    WAITING = "waiting"
    IN_FORCE = "in_force"
    FAILED = "failed"
    DIVERGED = "diverged"
    UNTRUSTED = "untrusted"
    PASSED_OVER = "passed_over"
    """The ref moved on before it was judged."""
    DELETED = "deleted"


class RefMove(BaseModel):
    """One move of the tracked ref, as this server saw it."""

    number: int
    ref: str
    old: Commit | None
    new: Commit | None
    """None: the ref is gone."""
    seen_at: Instant
    result: RefResult


class RefLog(BaseModel):
    """Moves, newest first."""

    moves: list[RefMove]
    kept: int
    """How many are kept at most; the audit log has all."""


class AcceptCommit(BaseModel):
    """An override: a commit is taken although it does not descend from the one in force."""

    model_config = ConfigDict(extra="forbid")

    commit: Commit
    reason: Reason
