"""Users over REST."""

from __future__ import annotations

from api.http.areas import Area, Call
from api.services import users
from api.services.work import Work
from schema.access import Permission
from schema.users import User, UserCreate, UserList, UserUpdate

area = Area("users")


@area("GET", "/api/v1/users", Permission.ADMIN)
def list_users(work: Work) -> UserList:
    """All accounts, by name."""
    return users.page(work)


@area(
    "POST",
    "/api/v1/users",
    Permission.ADMIN,
    status=201,
    raises=[users.UsernameTaken, users.WeakPassword, users.RoleBeyondOwn],
)
async def create_user(call: Call, body: UserCreate) -> User:
    """Make an account.

    The first administrator is made when the server first starts; this is never open without authentication.
    """
    return await users.create_account(call.app, call.actor, body, request_id=call.request_id)


@area(
    "PUT",
    "/api/v1/users/{id}",
    Permission.ADMIN,
    raises=[users.UserNotFound, users.RoleBeyondOwn, users.NotAPerson, users.LastAdmin],
)
def update_user(work: Work, id: str, body: UserUpdate) -> User:  # noqa: A002 - the path's word
    """Change an account; what is left out stays.

    Only a name that the server's host knows as a person's is made an administrator.

    Args:
        id: of the account.
    """
    return users.update(work, id, body)


@area(
    "DELETE",
    "/api/v1/users/{id}",
    Permission.ADMIN,
    status=204,
    raises=[users.UserNotFound, users.RoleBeyondOwn, users.LastAdmin],
)
def delete_user(work: Work, id: str) -> None:  # noqa: A002 - the path's word
    """Delete an account and its tokens; the last administrator stays.

    Args:
        id: of the account.
    """
    return users.remove(work, id)
