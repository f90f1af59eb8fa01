"""Tokens: made, listed, revoked, and asked of whom they are.

A token does what its owner may do now: a role taken away, an account disabled, a token revoked or expired, and the next
request with it is refused. Nothing of a check is kept between requests.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from api.services.work import Actor, Work
from api.storage import tokens as rows
from api.storage import users as user_rows
from schema.access import Permission
from schema.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from schema.tokens import MAX_PER_USER, Token, TokenCreate, TokenCreated, TokenList, TokenText
from schema.users import User, canonical_username

if TYPE_CHECKING:
    from sqlmodel import Session

    from api.services.container import Services


class BadToken(Unauthenticated):
    """A token nobody has: unknown, mistyped, expired, revoked, or its owner disabled. Which is not told."""

    code = "tokens.bad_token"


class TokenNotFound(NotFound):
    """There is no such token, or it is somebody else's."""

    code = "tokens.not_found"


class NotYourToken(Forbidden):
    """A token for somebody else."""

    code = "tokens.not_yours"


class NoOwner(Invalid):
    """A token must belong to an account."""

    code = "tokens.no_owner"


class TooManyTokens(Conflict):
    """The account has as many live tokens as it may."""

    code = "tokens.too_many"


def create(work: Work, new: TokenCreate) -> TokenCreated:
    """Make a token, owned by the caller; the local administrator names its owner.

    Raises:
        NotYourToken: a user names somebody else.
        NoOwner: the named owner is no account, or none is named by somebody who has none.
        TooManyTokens: the owner has a hundred live ones.
    """
    owner = _owner(work, new.user)
    if rows.count_live(work.session, work.project_id, owner.id, now=work.now) >= MAX_PER_USER:
        raise TooManyTokens(f"{owner.username} has {MAX_PER_USER} tokens; revoke one first")
    text = TokenText.make()
    token = Token(
        id=text.id, name=new.name, user=owner.username, created_at=work.now, expires_at=work.now + new.expires_in
    )
    rows.add(work.session, work.project_id, token, user_id=owner.id, secret_sha256=text.secret_sha256)
    work.audit(
        "token.create",
        "token",
        token.id,
        payload={"name": token.name, "owner": owner.username, "expires_at": token.expires_at},
    )
    return TokenCreated(id=token.id, name=token.name, token=str(text), expires_at=token.expires_at)


def page(work: Work) -> TokenList:
    """The caller's tokens; the local administrator sees everybody's."""
    user_id = None if work.actor.type == "local_admin" else work.actor.id
    return TokenList(tokens=rows.page(work.session, work.project_id, user_id))


def revoke(work: Work, token_id: str) -> None:
    """Revoke a token of the caller; an administrator anybody's. It is refused from the next request on.

    Raises:
        TokenNotFound: there is none that the caller may see.
    """
    found = rows.find(work.session, work.project_id, token_id)
    if found is None or (found[1] != work.actor.id and not work.actor.may(Permission.ADMIN)):
        raise TokenNotFound("there is no such token")
    token, _ = found
    if token.revoked:
        return
    rows.revoke(work.session, work.project_id, token_id, now=work.now)
    work.audit("token.revoke", "token", token_id, payload={"name": token.name, "owner": token.user})


async def authenticate(services: Services, text: str) -> Actor:
    """Who holds this token.

    Raises:
        BadToken: nobody.
    """
    try:
        token = TokenText.parse(text)
    except ValueError as error:
        raise BadToken("the token is not accepted") from error
    return await services.db.read(lambda session: holder(session, token, services.clock.now()))


def holder(session: Session, token: TokenText, now: int) -> Actor:
    """Who holds this token at this time.

    Raises:
        BadToken: nobody.
    """
    found = rows.holder(session, token.id)
    kept = found.secret_sha256 if found is not None else "0" * 64
    same = hmac.compare_digest(kept, token.secret_sha256)
    if found is None or not same or found.revoked or found.disabled or now >= found.expires_at:
        raise BadToken("the token is not accepted")
    return Actor("user", found.user_id, found.username, f"token:{token.id}", found.role, found.project_id)


def _owner(work: Work, name: str | None) -> User:
    actor = work.actor
    if actor.type == "local_admin":
        if name is None:
            raise NoOwner("name the user who is to own the token")
    elif name is not None and name != actor.id and _canonical(name) != actor.name:
        raise NotYourToken("a token for somebody else is made by nobody but the local administrator")
    owner = user_rows.find(work.session, work.project_id, actor.id) if actor.type != "local_admin" else None
    if owner is None and name is not None:
        by_name = user_rows.find_by_name(work.session, work.project_id, _canonical(name))
        owner = by_name[0] if by_name else user_rows.find(work.session, work.project_id, name)
    if owner is None or owner.disabled:
        raise NoOwner("a token must belong to a user of this server")
    return owner


def _canonical(name: str) -> str:
    try:
        return canonical_username(name)
    except ValueError:
        return ""
