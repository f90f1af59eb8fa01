"""Work: what every use case takes first. Who acts, the session of the unit of work, the clock, and what to announce.

    def acknowledge(work: Work, alert_id: AlertId) -> Alert:
        work.require(Permission.FLEET_WRITE)                       # only where the route's permission is not enough
        alert = alerts.find(work.session, work.project_id, alert_id)
        if alert is None:
            raise AlertNotFound("there is no such alert")
        ...
        work.audit("alert.acknowledge", "alert", alert_id, payload={"severity": alert.severity})
        work.publish("alert.acknowledged", id=alert_id)            # told only after the commit
        return alert

The edge (`container.Services.write`) appends the audit entries last, in the same savepoint, commits, then publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

from sqlmodel import Session

from schema.access import Permission, Role, allows
from schema.audit import OutcomeWord
from schema.errors import Forbidden
from schema.ids import DEFAULT_PROJECT
from schema.time import Clock


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated principal: never what a body says."""

    type: str
    """`user`, `agent`, `system`, `local_admin`, `anonymous`."""
    id: str
    name: str
    auth: str
    """`token:<id>`, `basic`, `local`, `mtls`, `system`, `none`."""
    role: Role | None
    """None: nothing but what is public."""
    project_id: str = DEFAULT_PROJECT

    def may(self, permission: Permission) -> bool:
        """Whether the actor's role allows this."""
        return permission is Permission.PUBLIC or (self.role is not None and allows(self.role, permission))

    @classmethod
    def system(cls, name: str, project_id: str = DEFAULT_PROJECT) -> Self:
        """A part of the server that acts by itself: `loop`, `bootstrap`."""
        return cls("system", name, name, "system", Role.ADMIN, project_id)

    @classmethod
    def agent(cls, envoy_id: str, hostname: str, project_id: str) -> Self:
        """A host, known by its certificate. It has no role: what it may do is what the gateway does for it."""
        return cls("agent", envoy_id, hostname, "mtls", None, project_id)


ANONYMOUS: Final = Actor("anonymous", "", "anonymous", "none", None)
LOCAL_ADMIN: Final = Actor("local_admin", "local-admin", "local-admin", "local", Role.ADMIN)
"""Whoever can read the server's data directory: the command line on the server's own host. Has no account."""


class NotAllowed(Forbidden):
    """The actor lacks a permission."""

    code = "access.denied"


class Pending(NamedTuple):
    """An audit entry before it is linked."""

    action: str
    object_type: str
    object_id: str
    outcome: OutcomeWord
    payload: Mapping[str, Any] | None
    actor: Actor


class Announcement(NamedTuple):
    """An event to be told after the commit."""

    topic: str
    data: dict[str, Any]


@dataclass(slots=True)
class Work:
    """One unit of work, or one read, of one actor in one project."""

    actor: Actor
    session: Session
    clock: Clock
    request_id: str = ""
    entries: list[Pending] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)

    @property
    def project_id(self) -> str:
        """The tenant all of this happens in: the actor's."""
        return self.actor.project_id

    @property
    def now(self) -> int:
        """Wall time, UTC microseconds."""
        return self.clock.now()

    def require(self, permission: Permission) -> None:
        """Go on only if the actor has this permission.

        Raises:
            NotAllowed: it does not.
        """
        if not self.actor.may(permission):
            raise NotAllowed(f"this needs the permission {permission}", permission=permission.value)

    def audit(
        self,
        action: str,
        object_type: str,
        object_id: str,
        *,
        outcome: OutcomeWord = "success",
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Have an audit entry written when this unit of work ends well, in the same transaction.

        Args:
            action: dotted, `<singular>.<verb>`: `user.create`.
            payload: what was changed, as plain data; secrets are taken out of it, by name and by looks.
        """
        self.entries.append(Pending(action, object_type, object_id, outcome, payload, self.actor))

    def publish(self, topic: str, **data: Any) -> None:
        """Have an event told when this unit of work is committed."""
        self.announcements.append(Announcement(topic, data))

    def acting_as(self, actor: Actor) -> Work:
        """The same unit of work by another actor of the project; entries and announcements stay together, each entry
        under the name of whoever was acting."""
        return replace(self, actor=actor)
