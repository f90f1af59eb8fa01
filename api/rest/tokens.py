"""Tokens over REST."""

from __future__ import annotations

from api.http.areas import Area
from api.services import tokens
from api.services.work import Work
from schema.access import Permission
from schema.tokens import TokenCreate, TokenCreated, TokenList

area = Area("tokens")


@area(
    "POST",
    "/api/v1/auth/tokens",
    Permission.AUTHENTICATED,
    status=201,
    basic=True,
    raises=[tokens.NotYourToken, tokens.NoOwner, tokens.TooManyTokens],
)
def create_token(work: Work, body: TokenCreate) -> TokenCreated:
    """Make an API token, whose text is shown this once.

    A first token is had with user name and password (HTTP Basic), which nothing else takes.
    """
    return tokens.create(work, body)


@area("GET", "/api/v1/auth/tokens", Permission.AUTHENTICATED)
def list_tokens(work: Work) -> TokenList:
    """The caller's tokens, newest first, without their text."""
    return tokens.page(work)


@area("DELETE", "/api/v1/auth/tokens/{id}", Permission.AUTHENTICATED, status=204, raises=[tokens.TokenNotFound])
def revoke_token(work: Work, id: str) -> None:  # noqa: A002 - the path's word
    """Revoke a token; it is refused from the next request on.

    Args:
        id: of the token.
    """
    return tokens.revoke(work, id)
