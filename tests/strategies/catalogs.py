"""Desired states from plain data, through the same bytes that a server would send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent import desired
from agent.desired import Desired
from schema import canonical
from schema.ids import sha256
from schema.protocol.desired import (
    NO_SECRETS,
    Assignment,
    Catalog,
    CompiledResource,
    ContentRef,
    CrateObject,
    CrateRef,
    UsercrateObject,
)
from schema.resources import RESOURCES

COMMIT = "a" * 40
ENVOY = "0197a000-0000-7000-8000-000000000001"
EXPIRES = 4_000_000_000_000_000


class Ticking:
    """A clock that moves by a millisecond each time it is read."""

    def __init__(self, now: int = 1_800_000_000_000_000) -> None:
        self.micros = now
        self.seconds = 0.0

    def now(self) -> int:
        self.micros += 1000
        return self.micros

    def monotonic(self) -> float:
        self.seconds += 0.001
        return self.seconds


def crate(
    name: str,
    resources: Sequence[Mapping[str, Any]],
    *,
    requires: Sequence[str] = (),
    when: str | None = None,
    vars: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the language
) -> tuple[CrateObject, Sequence[str]]:
    """A crate and the crates it requires. A resource is its attributes, with `name`, `type` and what any may carry;
    `audit` is its mode; `requires` and `notify` name resources of the same crate, or `crate/name`."""
    return CrateObject(
        name=name, when=when, vars=dict(vars or {}), resources=[_resource(name, one) for one in resources]
    ), requires


def usercrate(
    name: str,
    resources: Sequence[Mapping[str, Any]],
    *,
    users: Sequence[str] = (),
    include_root: bool = False,
    requires: Sequence[str] = (),
    when: str | None = None,
    vars: Mapping[str, Any] | None = None,  # noqa: A002
) -> tuple[CrateObject, Sequence[str]]:
    """A usercrate, as `crate` makes a crate."""
    return UsercrateObject(
        kind="usercrate",
        name=name,
        when=when,
        vars=dict(vars or {}),
        resources=[_resource(f"usercrate:{name}", one) for one in resources],
        users=list(users),
        include_root=include_root,
    ), requires


def state(
    *crates: tuple[CrateObject, Sequence[str]],
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    content: Mapping[str, str | bytes] | None = None,
    secrets: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    generation: int = 1,
    expires: int = EXPIRES,
) -> Desired:
    """The desired state of web01.example.com. Sources in `missing` are named by the catalog but not at hand."""
    objects: dict[str, bytes] = {}
    refs: list[CrateRef] = []
    per_user: list[CrateRef] = []
    for one, requires in crates:
        body = canonical.dumps(one.model_dump(mode="json"))
        objects[sha256(body)] = body
        into = per_user if isinstance(one, UsercrateObject) else refs
        into.append(CrateRef(name=one.name, sha256=sha256(body), size=len(body), requires=list(requires)))
    sources = {}
    for path, value in (content or {}).items():
        data = value.encode() if isinstance(value, str) else value
        sources[path] = ContentRef(sha256=sha256(data), size=len(data))
        if path not in missing:
            objects[sha256(data)] = data
    catalog = canonical.dumps(
        Catalog(
            environment="production",
            roles=["web"],
            vars=dict(vars or {}),
            crates=refs,
            usercrates=per_user,
            content=sources,
            secrets=sorted(secrets or {}),
        ).model_dump(mode="json")
    )
    assignment = canonical.dumps(
        Assignment(
            project="default",
            envoy_id=ENVOY,
            epoch=1,
            generation=generation,
            commit=COMMIT,
            catalog_sha256=sha256(catalog),
            sealed_secrets_sha256=NO_SECRETS,
            plan_root=NO_SECRETS,
            created=1_700_000_000_000_000,
            expires=expires,
        ).model_dump(mode="json")
    )
    return desired.read(
        assignment=assignment,
        catalog=catalog,
        load=objects.__getitem__,
        hostname="web01.example.com",
        secrets=secrets,
    )


def _resource(crate_name: str, written: Mapping[str, Any]) -> CompiledResource:
    common = {key: written[key] for key in ("when", "foreach", "on_removal", "file", "line") if key in written}
    if isinstance(common.get("line"), str):
        del common["line"]  # a file_line's own
    spec = {
        key: value
        for key, value in written.items()
        if key not in common and key not in ("name", "type", "requires", "notify", "audit")
    }
    kind = RESOURCES.get(written["type"])

    def full(names: Any) -> list[str]:
        listed = [names] if isinstance(names, str) else list(names)
        return [name if "/" in name else f"{crate_name}/{name}" for name in listed]

    return CompiledResource(
        id=f"{crate_name}/{written['name']}",
        type=written["type"],
        spec=spec,
        requires=full(written.get("requires", [])),
        notify=full(written.get("notify", [])),
        mode="audit" if written.get("audit") else "enforce",
        on_notify_only=kind is not None and kind.notify_only(spec),
        **common,
    )
