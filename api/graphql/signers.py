"""Signers: whose keys count, and what commits need."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import After, BadPage, First, cursor, page_size, position
from api.graphql.scalars import Long, Time
from api.graphql.shown import shown
from api.services.signers import keys, policies
from schema.access import Permission
from schema.signers import Policy, Rule, Signer, SignerKind

strawberry.enum(SignerKind)


@shown(Signer)
class SignerType:
    id: strawberry.ID
    principal: str
    kind: SignerKind
    fingerprint: str
    username: str
    valid_after: Time | None
    valid_before: Time | None
    revoked_at: Time | None


@strawberry.type(name="SignerPage", description="Keys, by principal.")
class SignerPageType:
    nodes: list[SignerType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for more; null at the end.")


@shown(Rule, name="SigningRule")
class RuleType:
    paths: list[str]
    branches: list[str]
    signers: list[str]
    threshold: int


@shown(Policy, name="SigningPolicy")
class PolicyType:
    version: Long = strawberry.field(description="0: nothing is asked.")
    required: bool
    rules: list[RuleType]
    two_person: list[str]
    exempt: list[str]


@strawberry.type
class SignerQueries:
    """Root fields of signers."""

    @guarded(Permission.FLEET_READ)
    def signers(self, info: Info, first: First = 50, after: After = None) -> SignerPageType:
        """Whose keys count for commits, those that are revoked too."""
        mark = position(after)
        if mark is not None and not mark.isdecimal():
            raise BadPage("`after` is no cursor of signers")
        begin, size = int(mark or 0), page_size(first)
        found = keys.listed(info.context.work).signers
        nodes = [
            SignerType(
                id=strawberry.ID(each.id),
                principal=each.principal,
                kind=each.kind,
                fingerprint=each.fingerprint,
                username=each.username,
                valid_after=each.valid_after,
                valid_before=each.valid_before,
                revoked_at=each.revoked_at,
            )
            for each in found[begin : begin + size]
        ]
        end = cursor(str(begin + size)) if begin + size < len(found) else None
        return SignerPageType(nodes=nodes, end_cursor=end)

    @guarded(Permission.FLEET_READ)
    def signing_policy(self, info: Info) -> PolicyType:
        """What commits need before they come into force."""
        found = policies.current(info.context.work)
        policy = found.policy
        return PolicyType(
            version=found.version,
            required=policy.required,
            rules=[
                RuleType(paths=rule.paths, branches=rule.branches, signers=rule.signers, threshold=rule.threshold)
                for rule in policy.rules
            ],
            two_person=policy.two_person,
            exempt=policy.exempt,
        )
