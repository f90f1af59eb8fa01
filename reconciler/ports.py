"""What the reconciler needs filled in. `api` fills each; tests and the simulator fill in their own.

The loop's core calls none of these but `Plan`, which is pure. They are what whoever performs its effects works with,
one method for one effect, so that a store and a simulated one are exchanged without the core noticing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from schema.diagnostics import Diagnostic
from schema.revisions import RevisionState


class Order(NamedTuple):
    """The place of an assignment among all of one envoy's: compares as agents compare it."""

    epoch: int
    generation: int


class Desired(NamedTuple):
    """What a commit means for one host."""

    profile: str
    catalog_sha256: str
    secrets: tuple[str, ...] = ()
    """Names of the secrets its catalog refers to, sorted."""


class Assigned(NamedTuple):
    """The newest assignment of one envoy, as the store holds it."""

    order: Order
    assignment_sha256: str
    commit: str
    catalog_sha256: str
    plan_root: str
    secrets_key: str
    """Of `Assign.secrets_key`: which versions of its secrets were sealed. The sealed bytes differ every time."""
    created: int
    expires: int
    """Microseconds since 1970 UTC, both."""


class Plan(Protocol):
    """A compiled commit, as far as the loop looks into it. Pure: the same answers always.

    `reconciler.graph.Graph` knows all of it; whoever performs `Compile` wraps it.
    """

    @property
    def commit(self) -> str:
        """Full hex."""
        ...

    @property
    def plan_root(self) -> str:
        """Digest over what all hosts are to be under this commit."""
        ...

    @property
    def staged(self) -> bool:
        """Whether it says how it is rolled out or what must hold: then a plan comes before anybody has it."""
        ...

    def desired(self, hostnames: Iterable[str], /) -> Mapping[str, Desired | None]:
        """Hostname → what it is to be; None where no match block applies."""
        ...


class Revisions(Protocol):
    """The judged commits of a project. Each call is durable when it returns; called again, it changes nothing."""

    async def in_force(self) -> str | None:
        """The commit in force; read once, at start."""
        ...

    async def put_in_force(self, plan: Plan) -> None:
        """For the effect `PutInForce`."""
        ...

    async def record_failure(self, commit: str, state: RevisionState, diagnostics: Sequence[Diagnostic]) -> None:
        """For the effect `RecordFailure`."""
        ...


class Assignments(Protocol):
    """The assignments of a project's envoys."""

    async def latest(self, envoy_id: str) -> Assigned | None:
        """The newest of one envoy; read when it connects."""
        ...

    async def assign(
        self, envoy_id: str, commit: str, plan_root: str, desired: Desired, secrets: Mapping[str, int], secrets_key: str
    ) -> Assigned:
        """For the effect `Assign`: allocate the next generation of this envoy (one row, one transaction, never the
        same twice), seal these versions of the secrets to its key, sign, store; durable when it returns.

        Raises:
            Fault: of the kind that says when to try again.
        """
        ...


class Secrets(Protocol):
    """Which secrets there are; never what they are."""

    async def versions(self) -> Mapping[str, int]:
        """Name → version, which grows with each new value; read once, at start."""
        ...


class Channel(Protocol):
    """The connections to envoys."""

    async def push(self, envoy_id: str, order: Order) -> None:
        """For the effect `Push`: hand an envoy its stored assignment; returns when its connection has taken it.

        Raises:
            Fault: it is not connected any more, or its connection is full.
        """
        ...
