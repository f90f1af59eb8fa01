"""Hostile cases H8 and M5: webhooks. What each is about, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.rest.sources import MAX_HOOK
from api.services.hooks import REMEMBERED, Doorstep
from api.services.sources import Board
from schema.access import Role
from tests.factories.hooks import SECRET, SIGNING_TOKEN, body, headers, signed_by_gitlab
from tests.server import Server
from tests.unit.reconciler.test_hooks import MALFORMED

PROVIDERS = ["github", "gitlab", "gitea", "forgejo"]


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    made = Server(folder, settings={"hook_secret_file": folder / "secret"})
    yield made
    made.close()


@pytest.fixture
def server(lasting_server: Server) -> Server:
    """A server that follows acme/config, and counts in `pokes` how often it was told to look. Nothing has come yet."""
    made = lasting_server
    file = made.services.settings.hook_secret_file
    assert file is not None
    file.write_text(f"{SECRET}\n{SIGNING_TOKEN}\n")
    made.clock.advance(400)
    made.services.hooks = Doorstep(made.clock)
    made.services.own["pokes"] = []
    made.services.sources = Board(
        made.clock, location="https://git.example.com/acme/config.git", remote=True, track="main", preview=(), poll_s=30
    )
    made.services.sources.poke = pokes(made).append
    return made


def pokes(server: Server) -> list[str]:
    found: list[str] = server.services.own["pokes"]
    return found


def hook(server: Server, provider: str, data: bytes, shown: dict[str, str]) -> Any:
    """Status and fault of a delivery."""
    answer = server.post(f"/api/v1/hooks/{provider}", content=data, headers=shown)
    said = answer.json()
    return answer.status_code, said.get("fault") or said["status"]


def refused(server: Server) -> int:
    return sum(each["refused"] for each in server.get("/api/v1/sources", role=Role.VIEWER).json()["hooks"])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_h8_an_unsigned_hook_is_401_before_anything_of_it_is_read(server: Server, provider: str) -> None:
    for data in (*MALFORMED.values(), body(provider)):
        for shown in (
            {},
            headers(provider, data, secret="the wrong secret of somebody"),
            dict.fromkeys(headers(provider, data), "\x7f"),
            headers(provider, data)
            | {"x-hub-signature-256": "sha1=00", "x-gitlab-token": "", "webhook-signature": "v1,"},
        ):
            if provider in ("gitea", "forgejo") and shown.get(f"x-{provider}-signature", "\x7f") != "\x7f":
                shown = {**shown, f"x-{provider}-signature": "00"}
            assert hook(server, provider, data, shown) == (401, "sources.not_signed")
    assert pokes(server) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_h8_a_signed_hook_that_is_malformed_is_400_and_never_a_bug(server: Server, provider: str) -> None:
    for number, data in enumerate(MALFORMED.values()):
        shown = headers(provider, data, identity=f"id{number}")
        assert hook(server, provider, data, shown) == (400, "sources.hook_malformed")
    assert pokes(server) == []
    data = body(provider)
    assert hook(server, provider, data, headers(provider, data)) == (202, "accepted")
    assert pokes(server) == [f"hook:{provider} 72d3162e"]


def test_h8_a_huge_hook_is_413_and_is_not_held(server: Server) -> None:
    data = b"x" * (MAX_HOOK + 1)
    answer = server.post("/api/v1/hooks/github", content=data, headers=headers("github", data))
    assert answer.status_code == 413


def test_h8_without_a_secret_there_is_nothing_to_send_a_hook_to(tmp_path: Path, server: Server) -> None:
    data = body("github")
    none = Server(tmp_path / "none")
    none.services.sources = server.services.sources
    assert hook(none, "github", data, headers("github", data))[0] == 404
    none.close()
    file = server.services.settings.hook_secret_file
    assert file is not None
    for text in ("", "short\n"):
        file.write_text(text)
        assert hook(server, "github", data, headers("github", data, secret=text.strip()))[0] == 401
    file.unlink()
    assert hook(server, "github", data, headers("github", data))[0] == 401
    assert hook(server, "bitbucket", data, {})[0] == 404


@pytest.mark.parametrize("provider", PROVIDERS)
def test_m5_a_hook_of_another_repository_is_refused(server: Server, provider: str) -> None:
    key = "project" if provider == "gitlab" else "repository"
    about = json.loads(body(provider))[key]
    other = {name: value.replace("acme", "evil") for name, value in about.items()}
    data = body(provider, about=other)
    assert hook(server, provider, data, headers(provider, data)) == (403, "sources.other_repository")
    assert pokes(server) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_m5_a_hook_that_was_here_before_is_refused(server: Server, provider: str) -> None:
    data = body(provider)
    shown = headers(provider, data)
    assert hook(server, provider, data, shown) == (202, "accepted")
    for after_s in (0, 200, 200, 3_600):
        server.clock.advance(after_s)
        assert hook(server, provider, data, shown) == (409, "sources.replayed")
    again = shown if provider == "gitlab" else headers(provider, data, identity="another id")
    assert hook(server, provider, data, again) == (409, "sources.replayed")
    assert len(pokes(server)) == 1
    assert refused(server) == 5


def test_m5_a_hook_that_was_sent_long_ago_is_refused_where_that_is_signed(server: Server) -> None:
    data, noon_s = body("gitlab"), server.clock.now() / 1_000_000
    for number, (sent, status) in enumerate(
        [(0, 202), (-299, 202), (299, 202), (-301, 409), (301, 409), (-86_400, 409)]
    ):
        shown = signed_by_gitlab(data, at_s=noon_s + sent, identity=f"id{number}")
        assert hook(server, "gitlab", data, shown)[0] == status, sent
    for sent, status in ((-10, 202), (-301, 409)):
        data = body("github", about={"pushed_at": int(noon_s) + sent})
        assert hook(server, "github", data, headers("github", data, identity=f"at{sent}"))[0] == status
    assert len(pokes(server)) == 4


def test_m5_what_is_remembered_and_how_fast_hooks_may_come_is_bounded(server: Server) -> None:
    doorstep = server.services.hooks
    statuses = []
    for number in range(70):
        data = body("github", number=number)
        statuses.append(hook(server, "github", data, headers("github", data, identity=str(number)))[0])
    assert statuses[:60] == [202] * 60
    assert statuses[60:] == [429] * 10
    assert len(doorstep._seen) <= REMEMBERED
    server.clock.advance(10)
    data = body("github", number="later")
    assert hook(server, "github", data, headers("github", data, identity="later"))[0] == 202


def test_m5_what_moves_no_ref_is_taken_and_nothing_is_looked_at(server: Server) -> None:
    data = body("github")
    assert hook(server, "github", data, headers("github", data, event="ping")) == (202, "ignored")
    assert pokes(server) == []


def test_m5_a_refusal_is_audited_and_a_hook_that_is_taken_is_not(server: Server) -> None:
    data = body("github")
    last = server.audit()[-1]["index"]
    server.peer = "203.0.113.99"
    hook(server, "github", data, headers("github", data, secret="the wrong secret of somebody"))
    hook(server, "github", data, headers("github", data))
    entries = [each["type"] for each in server.audit() if each["index"] > last]
    assert entries == ["access_login_failed"]
    assert SECRET not in json.dumps(server.audit())
