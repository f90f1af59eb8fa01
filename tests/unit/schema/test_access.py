"""Who may do what: the matrix as it is promised."""

from __future__ import annotations

import pytest

from schema.access import GRANTS, Permission, Role, allows

# Each role adds to those it stands on; what is not listed is not granted.
DESIRED = {
    Role.VIEWER: {"public", "authenticated", "fleet.read", "metrics.read"},
    Role.AUDITOR: {"public", "authenticated", "fleet.read", "metrics.read", "audit.read", "compliance.read"},
    Role.DEVELOPER: {
        "public",
        "authenticated",
        "fleet.read",
        "metrics.read",
        "config.publish",
        "query.execute",
        "compliance.read",
    },
    Role.OPERATOR: {
        "public",
        "authenticated",
        "fleet.read",
        "fleet.write",
        "metrics.read",
        "config.publish",
        "config.rollback",
        "push.execute",
        "workflow.execute",
        "query.execute",
        "audit.read",
        "compliance.read",
        "compliance.docs.write",
    },
    Role.ADMIN: {permission.value for permission in Permission} - {"agent.enrol"},
}


@pytest.mark.parametrize("role", Role)
def test_a_role_grants_what_is_listed_and_nothing_else(role: Role) -> None:
    assert {permission.value for permission in GRANTS[role]} == DESIRED[role]
    for permission in Permission:
        assert allows(role, permission) is (permission.value in DESIRED[role])


def test_no_role_may_enrol_an_agent() -> None:
    assert not any(allows(role, Permission.AGENT_ENROL) for role in Role)


def test_what_destroys_evidence_is_for_admins_alone() -> None:
    for permission in (Permission.COMPLIANCE_DOCS_PURGE, Permission.BACKUP_MANAGE, Permission.ADMIN):
        assert [role for role in Role if allows(role, permission)] == [Role.ADMIN]


def test_roles_stand_on_each_other() -> None:
    assert GRANTS[Role.VIEWER] < GRANTS[Role.AUDITOR] < GRANTS[Role.OPERATOR] < GRANTS[Role.ADMIN]
    assert GRANTS[Role.VIEWER] < GRANTS[Role.DEVELOPER] < GRANTS[Role.OPERATOR]
