"""Users over REST."""

from __future__ import annotations

from api.http.areas import Area, Call
from api.services import users
from api.services.work import Work
from schema.access import Permission
from schema.users import User, UserCreate, UserList

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
