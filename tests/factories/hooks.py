"""Webhooks as the forges send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

SECRET = "a secret of many characters"
SIGNING_KEY = bytes(range(32))
SIGNING_TOKEN = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
URLS = {
    "github": {
        "full_name": "acme/config",
        "clone_url": "https://git.example.com/acme/config.git",
        "ssh_url": "git@git.example.com:acme/config.git",
        "html_url": "https://git.example.com/acme/config",
    },
    "gitlab": {
        "path_with_namespace": "acme/config",
        "git_http_url": "https://git.example.com/acme/config.git",
        "git_ssh_url": "git@git.example.com:acme/config.git",
        "web_url": "https://git.example.com/acme/config",
    },
}
EVENTS = {"github": "push", "gitlab": "Push Hook", "gitea": "push", "forgejo": "push"}


def body(provider: str, **more: Any) -> bytes:
    """The body of a push to acme/config; `more` tells it from others."""
    about = URLS["gitlab" if provider == "gitlab" else "github"]
    named = {"project" if provider == "gitlab" else "repository": about | more.pop("about", {})}
    return json.dumps({"ref": "refs/heads/main", **named, **more}).encode()


def headers(
    provider: str, data: bytes, *, secret: str = SECRET, identity: str = "72d3162e", event: str | None = None
) -> dict[str, str]:
    """What its provider sends beside this body; GitLab's with the plain token."""
    digest = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    event = event or EVENTS[provider]
    match provider:
        case "github":
            return {"x-github-event": event, "x-github-delivery": identity, "x-hub-signature-256": f"sha256={digest}"}
        case "gitlab":
            return {"x-gitlab-event": event, "x-gitlab-event-uuid": identity, "x-gitlab-token": secret}
        case _:
            return {f"x-{provider}-event": event, f"x-{provider}-delivery": identity, f"x-{provider}-signature": digest}


def signed_by_gitlab(
    data: bytes, *, at_s: float, identity: str = "f5e5f430", key: bytes = SIGNING_KEY
) -> dict[str, str]:
    """GitLab's headers with a signing token."""
    sent = str(int(at_s))
    digest = hmac.new(key, f"{identity}.{sent}.".encode() + data, hashlib.sha256).digest()
    return {
        "x-gitlab-event": "Push Hook",
        "webhook-id": identity,
        "webhook-timestamp": sent,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
