"""Access: the one permission matrix, for all three vocabularies of the specification.

A route declares one permission. A role is a set of permissions; a token never holds more than its owner's role does
now.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a caller may do. `PUBLIC` and `AUTHENTICATED` need no role; an enrolment token alone holds
    `AGENT_ENROL`."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    AGENT_ENROL = "agent.enrol"
    FLEET_READ = "fleet.read"
    FLEET_WRITE = "fleet.write"
    CONFIG_PUBLISH = "config.publish"
    CONFIG_ROLLBACK = "config.rollback"
    PUSH_EXECUTE = "push.execute"
    WORKFLOW_EXECUTE = "workflow.execute"
    QUERY_EXECUTE = "query.execute"
    AUDIT_READ = "audit.read"
    COMPLIANCE_READ = "compliance.read"
    COMPLIANCE_DOCS_WRITE = "compliance.docs.write"
    COMPLIANCE_DOCS_PURGE = "compliance.docs.purge"
    BACKUP_MANAGE = "backup.manage"
    METRICS_READ = "metrics.read"
    ADMIN = "admin"


class Role(StrEnum):
    """Who somebody is. The console's words map here: VIEWER, DEVELOPER, OPERATOR, ADMIN."""

    VIEWER = "viewer"
    """Sees the fleet and its configuration."""
    AUDITOR = "auditor"
    """Sees the audit log as well."""
    DEVELOPER = "developer"
    """Changes the configuration, and asks for what hosts say."""
    OPERATOR = "operator"
    """Runs the fleet: holds, enrolment, going back."""
    ADMIN = "admin"
    """May do all that people may."""


_VIEWER: Final = frozenset(
    {Permission.PUBLIC, Permission.AUTHENTICATED, Permission.FLEET_READ, Permission.METRICS_READ}
)
_AUDITOR: Final = _VIEWER | {Permission.AUDIT_READ, Permission.COMPLIANCE_READ}
_DEVELOPER: Final = _VIEWER | {Permission.CONFIG_PUBLISH, Permission.QUERY_EXECUTE, Permission.COMPLIANCE_READ}
_OPERATOR: Final = (
    _DEVELOPER
    | _AUDITOR
    | {
        Permission.FLEET_WRITE,
        Permission.CONFIG_ROLLBACK,
        Permission.PUSH_EXECUTE,
        Permission.WORKFLOW_EXECUTE,
        Permission.COMPLIANCE_DOCS_WRITE,
    }
)

GRANTS: Final[dict[Role, frozenset[Permission]]] = {
    Role.VIEWER: _VIEWER,
    Role.AUDITOR: _AUDITOR,
    Role.DEVELOPER: _DEVELOPER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Permission) - {Permission.AGENT_ENROL},
}


def allows(role: Role, permission: Permission) -> bool:
    """Whether somebody in this role may do this."""
    return permission in GRANTS[role]
