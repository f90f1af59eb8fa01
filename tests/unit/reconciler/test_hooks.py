"""Webhooks: what vouches for one, and which repository it is about."""

from __future__ import annotations

import pytest

from reconciler import hooks
from reconciler.hooks import Malformed, Place, Provider, Verified
from tests.factories.hooks import SECRET, SIGNING_TOKEN, body, headers, signed_by_gitlab

PROVIDERS = list(Provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_hook_is_genuine_by_any_of_the_secrets_and_by_no_other(provider: Provider) -> None:
    data = body(provider)
    shown = headers(provider, data)
    assert hooks.verify(provider, shown, data, [SECRET]) is not None
    assert hooks.verify(provider, shown, data, ["the secret that comes next", SECRET]) is not None
    assert hooks.verify(provider, shown, data, ["the secret that comes next"]) is None
    assert hooks.verify(provider, shown, data, []) is None
    assert hooks.verify(provider, {}, data, [SECRET]) is None
    empty = dict.fromkeys(shown, "")
    assert hooks.verify(provider, empty, data, [SECRET]) is None
    if provider is not Provider.GITLAB:
        assert hooks.verify(provider, shown, data + b" ", [SECRET]) is None


def test_the_example_of_githubs_documentation_is_verified() -> None:
    # docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
    found = hooks.verify(
        Provider.GITHUB,
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        ["It's a Secret to Everybody"],
    )
    assert found is not None


def test_another_providers_signature_is_none() -> None:
    data = body("github")
    assert hooks.verify(Provider.GITHUB, headers("gitea", data), data, [SECRET]) is None
    assert hooks.verify(Provider.GITLAB, headers("github", data), data, [SECRET]) is None
    assert hooks.verify(Provider.GITEA, headers("forgejo", data), data, [SECRET]) is None
    # Forgejo sends Gitea's header too; its own is the one that counts.
    both = headers("gitea", data) | {"x-forgejo-signature": "0" * 64}
    assert hooks.verify(Provider.FORGEJO, both, data, [SECRET]) is None
    assert hooks.verify(Provider.FORGEJO, headers("gitea", data), data, [SECRET]) is not None


def test_gitlabs_signature_covers_id_time_and_body_and_a_token_does_not_make_up_for_it() -> None:
    data = body("gitlab")
    shown = signed_by_gitlab(data, at_s=1_795_348_800)
    found = hooks.verify(Provider.GITLAB, shown, data, [SIGNING_TOKEN])
    assert isinstance(found, Verified)
    assert found.sent_s == 1_795_348_800
    assert hooks.verify(Provider.GITLAB, shown | {"webhook-signature": "v1,AAAA " + shown["webhook-signature"]}, data, [SIGNING_TOKEN])  # fmt: skip
    for wrong in (
        {"webhook-id": "another"},
        {"webhook-timestamp": "1795348801"},
        {"webhook-timestamp": "x"},
        {"webhook-timestamp": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1," + "A" * 2_000},
    ):
        assert (
            hooks.verify(Provider.GITLAB, shown | wrong | {"x-gitlab-token": SECRET}, data, [SIGNING_TOKEN, SECRET])
            is None
        )
    assert hooks.verify(Provider.GITLAB, shown, data + b" ", [SIGNING_TOKEN]) is None
    assert hooks.verify(Provider.GITLAB, shown, data, [SECRET, "whsec_not base64!"]) is None


def test_a_second_coming_is_known_by_what_was_signed_whatever_id_it_is_given() -> None:
    data = body("github")
    one = hooks.verify(Provider.GITHUB, headers("github", data), data, [SECRET])
    other = hooks.verify(Provider.GITHUB, headers("github", data, identity="another"), data, [SECRET])
    assert one is not None
    assert other is not None
    assert one.keys & other.keys
    forgejo = hooks.verify(Provider.FORGEJO, headers("gitea", data), data, [SECRET])
    gitea = hooks.verify(Provider.GITEA, headers("gitea", data, identity="another"), data, [SECRET])
    assert forgejo is not None
    assert gitea is not None
    assert forgejo.keys & gitea.keys


def test_secrets_of_a_file_are_lines_of_some_length() -> None:
    assert hooks.secrets_of(f"\n  {SECRET}  \nshort\n{SIGNING_TOKEN}\n") == [SECRET, SIGNING_TOKEN]
    assert len(hooks.secrets_of("\n".join(f"secret number {n:06}" for n in range(20)))) == hooks.MAX_SECRETS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_hook_is_about(provider: Provider) -> None:
    data = body(provider)
    what = hooks.delivery(provider, headers(provider, data), data)
    assert (what.moves, what.id, what.full_name) == (True, "72d3162e", "acme/config")
    for location in (
        "https://git.example.com/acme/config.git",
        "https://git.example.com/acme/config",
        "https://git.example.com:8443/Acme/Config/",
        "ssh://git@git.example.com:2222/acme/config.git",
    ):
        assert hooks.is_about(what, location, "")
    for location in (
        "https://git.example.com/acme/other.git",
        "https://git.example.org/acme/config.git",
        "https://git.example.com/x/acme/config.git",
        "/srv/config.git",
        "",
    ):
        assert not hooks.is_about(what, location, "")
    assert hooks.is_about(what, "/srv/config.git", "Acme/config")
    assert not hooks.is_about(what, "https://git.example.com/acme/config.git", "acme/other")
    assert not hooks.delivery(provider, headers(provider, data, event="star"), data).moves


def test_when_github_was_pushed_to_is_signed() -> None:
    data = body("github", about={"pushed_at": 1_795_348_800})
    assert hooks.delivery(Provider.GITHUB, headers("github", data), data).sent_s == 1_795_348_800
    for other in ("2026-11-22T12:00:00Z", True, None, 10**400):
        data = body("github", about={"pushed_at": other})
        assert hooks.delivery(Provider.GITHUB, headers("github", data), data).sent_s is None


MALFORMED = {
    "nothing": b"",
    "half": b'{"repository":',
    "form": b"payload=%7B%7D",
    "list": b"[]",
    "null": b"null",
    "no repository": b"{}",
    "a repository of text": b'{"repository": "acme/config", "project": "acme/config"}',
    "a nameless repository": b'{"repository": {}, "project": {}}',
    "a name of numbers": b'{"repository": {"full_name": 7}, "project": {"path_with_namespace": 7}}',
    "an empty name": b'{"repository": {"full_name": ""}, "project": {"path_with_namespace": ""}}',
    "depth": b"[" * 100_000,
    "not text": b"\xff\xfe\x00",
    "half surrogates": b'{"repository": "\\ud800", "project": "\\ud800"}',
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_said_to_be(provider: Provider, name: str) -> None:
    data = MALFORMED[name]
    with pytest.raises(Malformed):
        hooks.delivery(provider, headers(provider, data), data)


def test_urls_of_any_form_are_no_place_or_one() -> None:
    assert hooks.place("git@Host:a/b.git") == Place("host", "a/b")
    assert hooks.place("https://user:pass@host:8443/a/b/") == Place("host", "a/b")
    assert hooks.place("https://[::1]:8443/a") == Place("::1", "a")
    for text in ("", "/srv/x", "x", "https://", "https://host", "file:///srv/x"):
        assert hooks.place(text) is None
