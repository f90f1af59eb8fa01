"""Who asks: tokens, passwords, the local administrator; and how little guessing yields."""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path

import httpx
import pytest

from api.services import users
from api.services.container import Services
from api.services.passwords import Passwords
from api.settings import Settings
from api.storage.database import Database
from schema.access import Role
from schema.time import HOUR
from schema.tokens import TokenText
from schema.users import UserUpdate
from tests.server import PASSWORD, PEER, Server

WHO = "/api/v1/auth/tokens"


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def login(server: Server, name: str, password: str, **options: object) -> httpx.Response:
    headers = basic(name, password) | options.pop("headers", {})  # type: ignore[operator]
    return server.post(WHO, headers=headers, json={"name": "first"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer", "Bearer ", "Bearer nothing", "Bearer vgot_", "Token x", "Bearer vgot_a_b_c", "Bearer  null", "Digest x",
        "Basic", "Basic !!!", "Bearer " + "x" * 10_000, "Bearer vgol_", "Bearer vgol_nothing",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(server: Server, shown: str) -> None:
    answer = server.get(WHO, headers={"authorization": shown})
    assert answer.status_code == 401
    assert set(answer.json()) == {"message", "error", "statusCode", "code", "fault"}


def test_every_changed_letter_of_a_token_is_refused(server: Server) -> None:
    token = server.tokens[Role.ADMIN]
    assert server.get(WHO, token=token).status_code == 200
    for place in (5, 16, 17, 18, 60, len(token) - 1):
        server.clock.advance(60)
        other = "A" if token[place] != "A" else "B"
        assert server.get(WHO, token=token[:place] + other + token[place + 1 :]).status_code == 401
    server.clock.advance(60)
    parsed = TokenText.parse(token)
    forged = TokenText(parsed.id, "A" * 43)
    assert server.get(WHO, token=str(forged)).status_code == 401
    assert server.get(WHO, token=str(TokenText.make())).status_code == 401


def test_a_token_expires_to_the_microsecond(server: Server) -> None:
    token = server.token_of(server.users[Role.VIEWER], life=HOUR)
    server.clock.micros += HOUR - 1
    assert server.get(WHO, token=token).status_code == 200
    server.clock.micros += 1
    assert server.get(WHO, token=token).status_code == 401


def test_a_revoked_token_is_refused_from_the_next_request_on(server: Server) -> None:
    token = server.token_of(server.users[Role.VIEWER])
    assert server.delete(f"{WHO}/{TokenText.parse(token).id}", token=token).status_code == 204
    assert server.get(WHO, token=token).status_code == 401


def test_a_token_can_do_what_its_owner_can_now(server: Server) -> None:
    user, token = server.users[Role.OPERATOR], server.tokens[Role.OPERATOR]
    change = UserUpdate(role=Role.VIEWER)
    assert server.get("/api/v1/audit", token=token).status_code == 200
    server.services.write_now(server.system, lambda work: users.update(work, user.id, change))
    assert server.get("/api/v1/audit", token=token).status_code == 403
    change = UserUpdate(disabled=True)
    server.services.write_now(server.system, lambda work: users.update(work, user.id, change))
    assert server.get(WHO, token=token).status_code == 401
    assert login(server, "operator", PASSWORD).status_code == 401


def test_another_password_ends_every_token(server: Server) -> None:
    user = server.users[Role.VIEWER]
    hashed = server.services.passwords.hash_now("another good one")
    server.services.write_now(server.system, lambda work: users.set_password(work, user.id, hashed))
    assert server.get(WHO, role=Role.VIEWER).status_code == 401
    assert login(server, "viewer", PASSWORD).status_code == 401
    assert login(server, "viewer", "another good one").status_code == 201


def test_a_password_is_good_for_a_first_token_and_nothing_else(server: Server) -> None:
    answer = login(server, "viewer", PASSWORD)
    assert answer.status_code == 201
    assert server.get(WHO, token=answer.json()["token"]).status_code == 200
    assert server.get(WHO, headers=basic("admin", PASSWORD)).status_code == 401
    assert server.get("/api/v1/users", headers=basic("admin", PASSWORD)).status_code == 401
    refused = login(server, "viewer", "wrong")
    assert refused.headers["www-authenticate"] == 'Basic realm="vigo", Bearer'


def test_credentials_shown_twice_are_refused(server: Server) -> None:
    async def ask() -> int:
        async with server.client() as client:
            headers = [("authorization", f"Bearer {server.tokens[Role.ADMIN]}")] * 2
            return (await client.get(WHO, headers=headers)).status_code

    assert server.run(ask) == 401


@pytest.mark.parametrize("name", ["viewer", "VIEWER", " viewer ", "ＶＩＥＷＥＲ", "Viewer"])
def test_one_account_has_one_name_and_one_counter(server: Server, name: str) -> None:
    assert login(server, name, PASSWORD).status_code == 201
    spellings = ["viewer", "VIEWER", " viewer", "ｖiewer", "viEwer"]
    answers = [login(server, spellings[n % 5], "wrong", peer=f"192.0.2.{n}").status_code for n in range(11)]
    assert answers == [401] * 10 + [429]
    assert login(server, name, PASSWORD, peer="192.0.2.99").status_code == 429
    server.clock.advance(11)
    assert login(server, name, PASSWORD, peer="192.0.2.99").status_code == 201


def test_attempts_for_other_names_do_not_lift_the_limit(server: Server) -> None:
    for number in range(10):
        login(server, "admin", "wrong", peer=f"192.0.2.{number}")
    for number in range(300):
        login(server, f"user{number}", "wrong", peer=f"198.51.{number % 200}.1")
    assert login(server, "admin", PASSWORD).status_code == 429
    assert len(server.services.logins) <= server.services.logins.keys


def test_nobody_can_tell_who_has_an_account(server: Server) -> None:
    known = [login(server, "viewer", "wrong", peer=f"192.0.2.{n}") for n in range(11)]
    unknown = [login(server, "nobody", "wrong", peer=f"198.51.100.{n}") for n in range(11)]
    assert [a.status_code for a in known] == [a.status_code for a in unknown]
    assert known[0].json() == unknown[0].json()
    assert login(server, "not a name!", "wrong").json() == known[0].json()


def test_guessing_costs_the_peer_whatever_it_says_of_itself(server: Server) -> None:
    answers = [
        server.get(WHO, token=str(TokenText.make()), headers={"x-forwarded-for": f"192.0.2.{n}"}).status_code
        for n in range(31)
    ]
    assert answers == [401] * 30 + [429]
    assert server.get(WHO, role=Role.ADMIN).status_code == 429, "the address, not the account"
    assert server.get(WHO, role=Role.ADMIN, peer="198.51.100.77").status_code == 200


def test_fifty_guesses_at_once_are_fifty_guesses(server: Server) -> None:
    async def guess() -> list[int]:
        async with server.client() as client:
            asked = [client.post(WHO, headers=basic("admin", f"wrong {n}"), json={"name": "x"}) for n in range(50)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert server.run(guess).count(401) <= 10


def test_the_local_administrator_comes_from_loopback_itself(server: Server) -> None:
    token = f"vgol_{server.services.local_secret}"
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert server.get("/api/v1/users", token=token, peer=peer).status_code == 200
    assert server.get("/api/v1/users", token=token, peer=PEER).status_code == 401
    for header in ("x-forwarded-for", "forwarded", "via", "x-real-ip"):
        assert server.get("/api/v1/users", token=token, peer="127.0.0.1", headers={header: "x"}).status_code == 401
    assert server.get("/api/v1/users", token=token + "x", peer="127.0.0.1").status_code == 401


def test_failed_logins_are_in_the_audit_log(server: Server) -> None:
    login(server, "admin", "wrong VIGOCANARY")
    event = server.audit()[-1]
    assert (event["type"], event["outcome"], event["operator"]) == ("access_login_failed", "refused", "anonymous")
    assert "VIGOCANARY" not in str(server.audit())


def test_the_first_admin_is_made_once(tmp_path: Path) -> None:
    services = Services(
        Settings(data_dir=tmp_path), Database.open(tmp_path / "vigo.db"), passwords=Passwords(memory_kib=8, passes=1)
    )
    password = asyncio.run(users.ensure_first_admin(services))
    assert password is not None
    assert len(password) == 23
    assert asyncio.run(users.authenticate(services, "Admin", password)).role is Role.ADMIN
    assert asyncio.run(users.ensure_first_admin(services)) is None
    services.db.close_now()


def test_a_token_says_of_itself_whether_it_was_mistyped() -> None:
    token = str(TokenText.make())
    assert token[:5] == "vgot_"
    body, check = token.rsplit("_", 1)
    value = 0
    for letter in check:
        value = value * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(letter)
    assert value == binascii.crc32(body.encode())
