"""Accounts over REST, as documented."""

from __future__ import annotations

import asyncio
import os
import pwd

import pytest

from api.services import users
from schema.access import Role
from schema.users import UserUpdate
from tests.server import Server

USERS = "/api/v1/users"
NEW = {"username": "ops-lead", "password": "a long enough one", "role": "operator"}


def test_an_account_is_made_and_listed_without_its_password(server: Server) -> None:
    made = server.post(USERS, role=Role.ADMIN, json=NEW)
    assert made.status_code == 201
    assert made.json() | {"id": ""} == {
        "id": "", "username": "ops-lead", "role": "operator", "auth_method": "basic", "display_name": "", "email": "",
        "ssh_public_key": "", "disabled": False, "created_at": "2026-11-22T12:00:00Z",
    }  # fmt: skip
    listed = server.get(USERS, role=Role.ADMIN)
    assert [user["username"] for user in listed.json()["users"]] == [
        "admin", "auditor", "developer", "operator", "ops-lead", "viewer",
    ]  # fmt: skip
    assert "password" not in listed.text
    assert "argon2" not in listed.text
    event = server.audit()[-1]
    assert (event["type"], event["object_id"], event["operator"]) == ("user_create", made.json()["id"], "admin")


@pytest.mark.parametrize(
    ("change", "status", "fault"),
    [
        ({"username": "OPS-LEAD "}, 409, "users.name_taken"), ({"username": "ｏps-lead"}, 409, "users.name_taken"),
        ({"username": "a b"}, 400, "http.bad_input"), ({"username": "-x"}, 400, "http.bad_input"),
        ({"username": "аdmin"}, 400, "http.bad_input"), ({"username": ""}, 400, "http.bad_input"),
        ({"password": "short"}, 400, "http.bad_input"), ({"password": "x" * 1025}, 400, "http.bad_input"),
        ({"username": "longer-name", "password": "longer-name1"}, 400, "users.weak_password"), ({"password": "a" * 30}, 400, "users.weak_password"),
        ({"role": "root"}, 400, "http.bad_input"), ({"admin": True}, 400, "http.bad_input"),
    ],
)  # fmt: skip
def test_a_bad_account_is_refused_and_nothing_is_made(
    server: Server, change: dict[str, object], status: int, fault: str
) -> None:
    server.post(USERS, role=Role.ADMIN, json=NEW)
    before = server.get(USERS, role=Role.ADMIN).json()
    answer = server.post(USERS, role=Role.ADMIN, json={**NEW, "username": "other", **change})
    assert (answer.status_code, answer.json()["fault"]) == (status, fault)
    assert server.get(USERS, role=Role.ADMIN).json() == before
    assert str(change.get("password", "\0")) not in answer.text


def test_making_accounts_is_never_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(tmp_path_factory.mktemp("s"))
    assert server.post(USERS, json=NEW).status_code == 401
    server.close()


def test_two_at_once_of_one_name_make_one_account(server: Server) -> None:
    async def both() -> list[int]:
        async with server.client() as client:
            headers = {"authorization": f"Bearer {server.tokens[Role.ADMIN]}"}
            asked = [client.post(USERS, headers=headers, json=NEW) for _ in range(8)]
            return sorted(answer.status_code for answer in await asyncio.gather(*asked))

    assert server.run(both) == [201] + [409] * 7


def test_what_is_left_out_stays(server: Server) -> None:
    user = server.users[Role.VIEWER]
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq6qF1mBGCyKs0rTMeR4vYvUjRz3oZ8xgYpU1iQ9nJd ann@example.com"
    changed = server.request("PUT", f"{USERS}/{user.id}", role=Role.ADMIN, json={"ssh_public_key": key, "email": "a@b"})
    assert changed.json()["ssh_public_key"] == key
    again = server.request("PUT", f"{USERS}/{user.id}", role=Role.ADMIN, json={"role": "operator"})
    assert {k: again.json()[k] for k in ("role", "email", "ssh_public_key")} == {
        "role": "operator", "email": "a@b", "ssh_public_key": key,
    }  # fmt: skip
    assert [event["type"] for event in server.audit()[-2:]] == ["user_update", "user_role_change"]
    for bad in ("not a key", "ssh-ed25519 AAAA\nssh-rsa BBBB", "x" * 9_000):
        answer = server.request("PUT", f"{USERS}/{user.id}", role=Role.ADMIN, json={"ssh_public_key": bad})
        assert answer.status_code == 400


def test_an_administrator_must_be_a_person_on_the_servers_host(server: Server) -> None:
    user = server.users[Role.VIEWER]
    answer = server.request("PUT", f"{USERS}/{user.id}", role=Role.ADMIN, json={"role": "admin"})
    assert (answer.status_code, answer.json()["fault"]) == (409, "users.not_a_person")
    change = UserUpdate(role=Role.ADMIN)
    promoted = server.services.write_now(
        server.system, lambda work: users.update(work, user.id, change, is_person=lambda name: name == "viewer")
    )
    assert promoted.role is Role.ADMIN


def test_who_is_a_person_is_read_from_the_host() -> None:
    assert not users.is_person("root")
    assert not users.is_person("nobody")
    assert not users.is_person("no-such-user")
    own = pwd.getpwuid(os.getuid())
    assert users.is_person(own.pw_name) == (
        1_000 <= own.pw_uid < 65_534 and not own.pw_shell.endswith(("nologin", "false"))
    )


def test_a_deleted_account_is_gone_with_its_tokens_and_the_last_admin_stays(server: Server) -> None:
    user = server.users[Role.OPERATOR]
    assert server.delete(f"{USERS}/{user.id}", role=Role.ADMIN).status_code == 204
    assert server.get(USERS, role=Role.OPERATOR).status_code == 401
    assert server.delete(f"{USERS}/{user.id}", role=Role.ADMIN).status_code == 404
    last = server.delete(f"{USERS}/{server.users[Role.ADMIN].id}", role=Role.ADMIN)
    assert (last.status_code, last.json()["fault"]) == (409, "users.last_admin")
    demoted = server.request("PUT", f"{USERS}/{server.users[Role.ADMIN].id}", role=Role.ADMIN, json={"role": "viewer"})
    assert demoted.json()["fault"] == "users.last_admin"


def test_nobody_gives_what_he_does_not_have(server: Server) -> None:
    from api.services.work import Actor

    operator = Actor("user", "o", "operator", "basic", Role.OPERATOR)
    viewer = server.users[Role.VIEWER]
    with pytest.raises(users.RoleBeyondOwn):
        server.services.write_now(operator, lambda work: users.update(work, viewer.id, UserUpdate(role=Role.ADMIN)))
    with pytest.raises(users.RoleBeyondOwn):
        server.services.write_now(operator, lambda work: users.remove(work, server.users[Role.ADMIN].id))
