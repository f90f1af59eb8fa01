"""Webhooks of forges: whether one is genuine, when it was sent, and about which repository it is.

Nothing of a body is parsed before its signature is verified.

Sources: GitHub, "Validating webhook deliveries" (X-Hub-Signature-256: `sha256=`, hex HMAC-SHA256 of the body). GitLab,
"Webhooks": X-Gitlab-Token is the secret itself; with a signing token (`whsec_` and 32 bytes in base64), as Standard
Webhooks have it, webhook-signature holds `v1,` and base64 of the HMAC-SHA256 of `id.timestamp.body`. Gitea and Forgejo,
"Webhooks": X-Gitea-Signature or X-Forgejo-Signature, hex HMAC-SHA256 of the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

MAX_HEADER_CHARS: Final = 1024
MAX_SIGNATURES: Final = 8
MAX_SECRETS: Final = 4
MIN_SECRET_CHARS: Final = 16
SIGNING_TOKEN: Final = "whsec_"  # noqa: S105 - how one begins

_MOVES: Final = {
    "github": frozenset({"push", "create", "delete", "pull_request"}),
    "gitlab": frozenset({"Push Hook", "Tag Push Hook", "Merge Request Hook", "System Hook"}),
    "gitea": frozenset({"push", "create", "delete", "pull_request", "pull_request_sync"}),
}
_LATE: Final = 10**12
"""Seconds since 1970 that no forge means."""
_URL: Final = re.compile(r"(?:https?|ssh|git)://(?:[^@/]*@)?(\[[^\]]*\]|[^:/]+)(?::\d*)?/(.+)")
_SCP: Final = re.compile(r"(?:[^@/]*@)?([^:/]+):(?!/)(.+)")


class Provider(StrEnum):
    """Whose webhooks are understood."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"


class Place(NamedTuple):
    """A repository on some host; neither is told apart by case."""

    host: str
    path: str


class Verified(NamedTuple):
    """A hook that somebody made who has the secret."""

    keys: frozenset[str]
    """What a second coming of it would have in common with it."""
    sent_s: float | None
    """When it was sent, seconds since 1970, where that is signed."""


class Delivery(NamedTuple):
    """What a hook is about."""

    event: str
    id: str
    moves: bool
    """Whether refs may have moved."""
    sent_s: float | None
    places: frozenset[Place]
    full_name: str
    """Owner and name, as the forge writes them."""


class Malformed(ValueError):
    """A genuine hook that is not in the form its provider gives them."""


def secrets_of(text: str) -> list[str]:
    """The secrets of a file, one a line: several while one is being replaced by another. Short ones do not count."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if len(line) >= MIN_SECRET_CHARS][:MAX_SECRETS]


def verify(provider: Provider, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Verified | None:
    """Whether one of the secrets vouches for a hook; None where none does.

    Args:
        headers: by lower-case name.
    """
    if any(len(value) > MAX_HEADER_CHARS for name, value in headers.items() if name in _ALL_HEADERS):
        return None
    match provider:
        case Provider.GITHUB:
            shown = headers.get("x-hub-signature-256", "")
            genuine = shown.startswith("sha256=") and _is_hmac(shown.removeprefix("sha256="), body, secrets)
        case Provider.GITEA | Provider.FORGEJO:
            own = headers.get("x-forgejo-signature") if provider is Provider.FORGEJO else None
            genuine = _is_hmac(own if own is not None else headers.get("x-gitea-signature", ""), body, secrets)
        case Provider.GITLAB:
            if "webhook-signature" in headers:
                return _standard(headers, body, secrets)
            shown = headers.get("x-gitlab-token", "")
            genuine = _any_equal([shown], secrets)
    return Verified(_keys(provider, headers, body), None) if genuine else None


def delivery(provider: Provider, headers: Mapping[str, str], body: bytes) -> Delivery:
    """What a verified hook is about.

    Raises:
        Malformed: not JSON, or without what every hook of the provider has.
    """
    family = "gitea" if provider is Provider.FORGEJO else provider.value
    prefix = "x-gitea" if family == "gitea" else f"x-{family}"
    event = headers.get(f"{prefix}-event") or headers.get("x-forgejo-event", "")
    if not event:
        raise Malformed("it names no event")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        hint = "; have the forge send application/json" if body[:8] == b"payload=" else ""
        raise Malformed(f"the body is not JSON{hint}") from error
    if not isinstance(said, dict):
        raise Malformed("the body is no object")
    about = said.get("project") if family == "gitlab" else said.get("repository")
    if not isinstance(about, dict):
        raise Malformed("it names no repository")
    full_name = about.get("path_with_namespace" if family == "gitlab" else "full_name")
    if not isinstance(full_name, str) or not full_name:
        raise Malformed("its repository has no name")
    urls = [about.get(key) for key in ("clone_url", "ssh_url", "html_url", "git_http_url", "git_ssh_url", "web_url")]
    pushed = about.get("pushed_at") if family == "github" and event == "push" else None
    return Delivery(
        event=event,
        id=_id(provider, headers),
        moves=event in _MOVES[family],
        sent_s=float(pushed) if isinstance(pushed, int) and not isinstance(pushed, bool) and pushed < _LATE else None,
        places=frozenset(_places(url for url in urls if isinstance(url, str))),
        full_name=full_name[:MAX_HEADER_CHARS],
    )


def place(url: str) -> Place | None:
    """The repository that a URL names, whatever way leads to it; None where it is no such URL."""
    found = _URL.fullmatch(url) or _SCP.fullmatch(url)
    if found is None:
        return None
    return Place(found[1].casefold().strip("[]"), _plain(found[2]))


def is_about(what: Delivery, location: str, name: str) -> bool:
    """Whether a hook is about the repository that is followed.

    Args:
        location: where it is followed from; a path of this machine has no place on a forge.
        name: owner and name on the forge, where somebody has said so; else what `location` says counts.
    """
    if name:
        return _plain(what.full_name) == _plain(name)
    followed = place(location)
    return followed is not None and followed in what.places


def _plain(path: str) -> str:
    return path.strip("/").removesuffix(".git").casefold()


def _places(urls: Iterable[str]) -> Iterable[Place]:
    for url in urls:
        found = place(url[:MAX_HEADER_CHARS])
        if found is not None:
            yield found


def _is_hmac(shown: str, body: bytes, secrets: Sequence[str]) -> bool:
    return _any_equal([shown], [hmac.new(each.encode(), body, hashlib.sha256).hexdigest() for each in secrets])


def _standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Verified | None:
    """Signed as Standard Webhooks are. A token beside the signature does not make up for it."""
    identity, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    shown = headers["webhook-signature"].split()[:MAX_SIGNATURES]
    if not identity or not sent.isascii() or not sent.isdigit() or len(sent) > 12:
        return None
    signed = f"{identity}.{sent}.".encode() + body
    expected = []
    for each in secrets:
        key = _key(each)
        if key is not None:
            expected.append("v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode())
    if not _any_equal(shown, expected):
        return None
    return Verified(_keys(Provider.GITLAB, headers, signed), float(sent))


def _key(secret: str) -> bytes | None:
    if not secret.startswith(SIGNING_TOKEN):
        return None
    try:
        return base64.b64decode(secret.removeprefix(SIGNING_TOKEN), validate=True)
    except (binascii.Error, ValueError):
        return None


def _any_equal(shown: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether any is among the expected; how long that takes says nothing of which."""
    same = False
    for one in shown:
        for other in expected:
            same |= hmac.compare_digest(one.encode(), other.encode())
    return same


_ID_HEADERS: Final = {
    Provider.GITHUB: ("x-github-delivery",),
    Provider.GITLAB: ("webhook-id", "x-gitlab-event-uuid"),
    Provider.GITEA: ("x-gitea-delivery",),
    Provider.FORGEJO: ("x-forgejo-delivery", "x-gitea-delivery"),
}
_ALL_HEADERS: Final = frozenset(
    {
        "x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gitlab-token", "webhook-signature",
        "webhook-timestamp", "x-github-event", "x-gitlab-event", "x-gitea-event", "x-forgejo-event",
        *(name for names in _ID_HEADERS.values() for name in names),
    }
)  # fmt: skip


def _id(provider: Provider, headers: Mapping[str, str]) -> str:
    return next((headers[name] for name in _ID_HEADERS[provider] if headers.get(name)), "")


def _keys(provider: Provider, headers: Mapping[str, str], signed: bytes) -> frozenset[str]:
    # An id is not signed: whoever sends a hook again could give it another. What was signed is the same again.
    named = _id(provider, headers)
    digest = hashlib.sha256(signed).hexdigest()
    token_only = provider is Provider.GITLAB and "webhook-signature" not in headers
    ids = {f"{provider}:{named}"} if named else set()
    # Not of one provider: what Gitea signed would be new to Forgejo.
    return frozenset(ids if token_only and named else ids | {digest})
