"""API tokens over REST, as documented."""

from __future__ import annotations

import re

import pytest

from schema.access import Role
from schema.time import parse_duration
from schema.tokens import MAX_PER_USER, TokenCreate, TokenText
from tests.server import Server

TOKENS = "/api/v1/auth/tokens"


def test_a_token_is_shown_once(server: Server) -> None:
    made = server.post(TOKENS, role=Role.DEVELOPER, json={"name": "ci-pipeline", "expires_in": "720h"})
    assert made.status_code == 201
    assert set(made.json()) == {"id", "name", "token", "expires_at"}
    assert made.json()["expires_at"] == "2026-12-22T12:00:00Z"
    assert re.fullmatch(r"vgot_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}_[A-Za-z0-9]{6}", made.json()["token"])
    listed = server.get(TOKENS, role=Role.DEVELOPER)
    assert {token["name"] for token in listed.json()["tokens"]} == {"ci-pipeline", "test"}
    secret = TokenText.parse(made.json()["token"]).secret
    assert secret not in listed.text
    kept = b"".join(path.read_bytes() for path in server.services.settings.data_dir.glob("vigo.db*"))
    assert secret.encode() not in kept


def test_a_token_lives_ninety_days_unless_said(server: Server) -> None:
    assert server.post(TOKENS, role=Role.VIEWER, json={"name": "x"}).json()["expires_at"] == "2027-02-20T12:00:00Z"


@pytest.mark.parametrize(
    "change",
    [
        {"expires_in": "0s"}, {"expires_in": "366d"}, {"expires_in": "-1h"}, {"expires_in": "soon"}, {"expires_in": ""},
        {"expires_in": "1" * 40 + "h"}, {"expires_in": "999999999d"}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 101},
        {"scope": "admin"}, {"expires_in": None},
    ],
)  # fmt: skip
def test_a_bad_token_is_refused(server: Server, change: dict[str, object]) -> None:
    answer = server.post(TOKENS, role=Role.VIEWER, json={"name": "x", **change})
    assert (answer.status_code, answer.json()["fault"]) == (400, "http.bad_input")


def test_nobody_makes_a_token_for_somebody_else(server: Server) -> None:
    answer = server.post(TOKENS, role=Role.ADMIN, json={"name": "x", "user": "viewer"})
    assert (answer.status_code, answer.json()["fault"]) == (403, "tokens.not_yours")
    assert server.post(TOKENS, role=Role.VIEWER, json={"name": "x", "user": "Viewer"}).status_code == 201
    own = server.users[Role.VIEWER].id
    assert server.post(TOKENS, role=Role.VIEWER, json={"name": "x", "user": own}).status_code == 201


def test_the_local_administrator_names_an_owner(server: Server) -> None:
    local = {"token": f"vgol_{server.services.local_secret}", "peer": "127.0.0.1"}
    nobody = server.post(TOKENS, json={"name": "x"}, **local)
    assert (nobody.status_code, nobody.json()["fault"]) == (400, "tokens.no_owner")
    assert server.post(TOKENS, json={"name": "x", "user": "dan"}, **local).json()["fault"] == "tokens.no_owner"
    made = server.post(TOKENS, json={"name": "x", "user": "viewer"}, **local)
    assert made.status_code == 201
    assert server.get("/api/v1/audit", token=made.json()["token"]).status_code == 403
    assert len(server.get(TOKENS, **local).json()["tokens"]) == 6
    event = server.audit()[-2]
    assert (event["type"], event["operator"], event["auth"]) == ("token_create", "local-admin", "local")


def test_an_administrator_may_revoke_anybodys(server: Server) -> None:
    theirs = TokenText.parse(server.tokens[Role.VIEWER]).id
    assert server.delete(f"{TOKENS}/{theirs}", role=Role.ADMIN).status_code == 204
    assert server.get(TOKENS, role=Role.VIEWER).status_code == 401
    before = len(server.audit())
    assert server.delete(f"{TOKENS}/{theirs}", role=Role.ADMIN).status_code == 204, "again, with nothing to do"
    assert len([event for event in server.audit()[before:] if event["type"] == "token_revoke"]) == 0


def test_an_account_has_a_hundred_live_tokens_at_most(server: Server) -> None:
    user = server.users[Role.VIEWER]
    for _ in range(MAX_PER_USER - 1):
        server.token_of(user)
    answer = server.post(TOKENS, role=Role.VIEWER, json={"name": "x"})
    assert (answer.status_code, answer.json()["fault"]) == (409, "tokens.too_many")
    server.clock.advance(25 * 3600)
    admin = server.token_of(server.users[Role.ADMIN])
    assert server.get(TOKENS, token=admin).status_code == 200
    assert server.token_of(user).startswith("vgot_")


@pytest.mark.parametrize(
    ("text", "seconds"), [("720h", 2_592_000), ("90d", 7_776_000), ("1h30m", 5_400), ("15s", 15), ("1d1d", 172_800)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds * 1_000_000
    assert TokenCreate(name="x", expires_in="1h").expires_in == 3_600_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "h", "5", "5 h", "1.5h", "-5h", "5w", "5h ", "٥h", "1h" * 1000 + "x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)
