"""Users: accounts, their roles, and who gives a right password.

Passwords are hashed and checked outside of transactions (`passwords.py`), so what needs one is async and composes its
own: `create_account`, `authenticate`, `ensure_first_admin`.
"""

from __future__ import annotations

import hashlib
import pwd
import secrets
import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from api.services.work import Actor, Work
from api.storage import tokens as token_rows
from api.storage import users as rows
from schema.access import GRANTS, Role
from schema.errors import Conflict, Exhausted, Forbidden, Invalid, NotFound, Unauthenticated
from schema.ids import DEFAULT_PROJECT, new_id
from schema.users import User, UserCreate, UserList, UserUpdate, canonical_username

if TYPE_CHECKING:
    from api.services.container import Services

FIRST_ADMIN: Final = "admin"
FIRST_PERSON: Final = 1_000
NOBODY: Final = 65_534


class UserNotFound(NotFound):
    """There is no such account."""

    code = "users.not_found"


class UsernameTaken(Conflict):
    """There is an account of this name."""

    code = "users.name_taken"


class LastAdmin(Conflict):
    """Nobody would be left who can administer."""

    code = "users.last_admin"


class WeakPassword(Invalid):
    """A password that is the name, or hardly varies."""

    code = "users.weak_password"


class RoleBeyondOwn(Forbidden):
    """Nobody gives what he does not have."""

    code = "users.role_beyond_own"


class NotAPerson(Conflict):
    """Only whom the server's host knows as a person is made an administrator."""

    code = "users.not_a_person"


class BadLogin(Unauthenticated):
    """No such name with this password; which of the two is not told."""

    code = "users.bad_login"


class TooManyLogins(Exhausted):
    """Too many wrong passwords for this name; it opens again with time, not with a right one."""

    code = "users.too_many_logins"


def page(work: Work) -> UserList:
    """All accounts, by name."""
    return UserList(users=rows.page(work.session, work.project_id))


def create(work: Work, new: UserCreate, password_hash: str) -> User:
    """Make an account; its password was hashed before.

    Raises:
        UsernameTaken: the name, in any spelling, is somebody's.
        RoleBeyondOwn: a role that can more than the actor's.
    """
    _check_grant(work.actor, new.role)
    if rows.find_by_name(work.session, work.project_id, new.username) is not None:
        raise UsernameTaken(f"there is a user {new.username} already")
    user = rows.add(
        work.session,
        work.project_id,
        User(
            id=new_id(),
            username=new.username,
            role=new.role,
            display_name=new.display_name,
            email=new.email,
            created_at=work.now,
        ),
        password_hash,
    )
    work.audit("user.create", "user", user.id, payload={"username": user.username, "role": user.role})
    return user


def is_person(username: str) -> bool:
    """Whether this machine knows the name as a person's: an ordinary uid with a shell to log in to."""
    try:
        entry = pwd.getpwnam(username)
    except KeyError:
        return False
    return FIRST_PERSON <= entry.pw_uid < NOBODY and not entry.pw_shell.endswith(("nologin", "false"))


def update(work: Work, user_id: str, change: UserUpdate, *, is_person: Callable[[str], bool] = is_person) -> User:
    """Change an account; what is left out stays. A new role or being disabled counts from the next request on.

    Args:
        is_person: says of a name whether the server's host knows it as a person's; only such become administrators.

    Raises:
        UserNotFound, RoleBeyondOwn, NotAPerson, LastAdmin
    """
    user = rows.find(work.session, work.project_id, user_id)
    if user is None:
        raise UserNotFound("there is no such user")
    changed = user.model_copy(update=change.model_dump(exclude_none=True))
    if changed.role != user.role:
        _check_grant(work.actor, changed.role)
        _check_grant(work.actor, user.role)
        if changed.role is Role.ADMIN and not is_person(user.username):
            raise NotAPerson(f"{user.username} is no person's account on the server's host, so no administrator's")
    if user.role is Role.ADMIN and not user.disabled and (changed.role is not Role.ADMIN or changed.disabled):
        _check_not_last(work)
    rows.update(work.session, work.project_id, changed, now=work.now)
    action = "user.role_change" if changed.role != user.role else "user.update"
    fields = {name: value for name, value in changed.model_dump(mode="json").items() if value != getattr(user, name)}
    work.audit(action, "user", user_id, payload={"username": user.username, "changed": fields, "role_was": user.role})
    return changed


def remove(work: Work, user_id: str) -> None:
    """Delete an account and its tokens.

    Raises:
        UserNotFound, LastAdmin
    """
    user = rows.find(work.session, work.project_id, user_id)
    if user is None:
        raise UserNotFound("there is no such user")
    _check_grant(work.actor, user.role)
    if user.role is Role.ADMIN and not user.disabled:
        _check_not_last(work)
    gone = token_rows.remove_all(work.session, work.project_id, user_id)
    rows.remove(work.session, work.project_id, user_id)
    work.audit("user.delete", "user", user_id, payload={"username": user.username, "role": user.role, "deleted": gone})


def set_password(work: Work, user_id: str, password_hash: str) -> None:
    """Give an account another password, hashed before; all its tokens die.

    Raises:
        UserNotFound
    """
    if rows.find(work.session, work.project_id, user_id) is None:
        raise UserNotFound("there is no such user")
    rows.set_password_hash(work.session, work.project_id, user_id, password_hash, now=work.now)
    revoked = token_rows.revoke_all(work.session, work.project_id, user_id, now=work.now)
    work.audit("user.password_change", "user", user_id, payload={"revoked": revoked})


async def create_account(services: Services, actor: Actor, new: UserCreate, *, request_id: str = "") -> User:
    """Hash the password, then make the account.

    Raises:
        WeakPassword, UsernameTaken, RoleBeyondOwn
    """
    check_password(new.username, new.password)
    hashed = await services.passwords.hash(new.password.get_secret_value())
    return await services.write(actor, lambda work: create(work, new, hashed), request_id=request_id)


async def authenticate(services: Services, username: str, password: str) -> Actor:
    """Who has this name and password.

    Raises:
        BadLogin: nobody, or an account that is disabled.
        TooManyLogins: too many wrong ones for this name lately.
    """
    try:
        name = canonical_username(username)
    except ValueError:
        name = ""
    # A bucket of a fixed set, by the name's hash: nobody's counter is ever forgotten for another's, and whether there
    # is such an account does not show.
    key = str(
        int.from_bytes(hashlib.sha256(services.login_salt + name.encode()).digest()[:8], "big") % services.logins.keys
    )
    # Paid before anything is awaited: fifty guesses at once are fifty guesses.
    if not services.logins.spend(key):
        wait = services.logins.wait_s(key)
        raise TooManyLogins("too many wrong passwords for this user name", retry_after_s=wait)
    found = await services.db.read(lambda session: rows.find_by_name(session, DEFAULT_PROJECT, name))
    user, hashed = found if found is not None else (None, None)
    right = await services.passwords.check(password, hashed)
    if user is None or not right or user.disabled:
        raise BadLogin("no such user name with this password")
    services.logins.refund(key)
    return Actor("user", user.id, user.username, "basic", user.role)


async def ensure_first_admin(services: Services) -> str | None:
    """Make the first administrator, `admin`, if there is no account at all; its password, which is to be printed once.
    None when there was nothing to do."""
    if await services.db.read(lambda session: rows.count(session, DEFAULT_PROJECT)) > 0:
        return None
    password = make_password()
    hashed = await services.passwords.hash(password)
    actor = Actor.system("bootstrap")
    new = UserCreate(username=FIRST_ADMIN, password=SecretStr(password), role=Role.ADMIN)

    def make(work: Work) -> bool:
        if rows.count(work.session, work.project_id) > 0:
            return False  # another server process was quicker
        create(work, new, hashed)
        return True

    return password if await services.write(actor, make) else None


def make_password() -> str:
    """A random password of four groups of five letters and digits: 119 bits."""
    alphabet = string.ascii_letters + string.digits
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))


def check_password(username: str, password: SecretStr) -> None:
    """Refuse a password that anybody would try.

    Raises:
        WeakPassword: it is.
    """
    text = password.get_secret_value().casefold()
    if username in text and len(text) < len(username) + 8:
        raise WeakPassword("the password is hardly more than the user name")
    if len(set(text)) < 5:
        raise WeakPassword("the password has fewer than five different characters")


def _check_grant(actor: Actor, role: Role) -> None:
    own = GRANTS[actor.role] if actor.role is not None else frozenset()
    if not GRANTS[role] <= own:
        raise RoleBeyondOwn(f"nobody gives the role {role} who does not have all it may")


def _check_not_last(work: Work) -> None:
    if rows.count(work.session, work.project_id, role=Role.ADMIN) <= 1:
        raise LastAdmin("this is the last administrator")
