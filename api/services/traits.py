"""Traits: what hosts say they are, kept whole; and the inventory over it.

A host tells digests first, then the traits that the server has otherwise. What is kept is only ever a whole whose
digest is the one that the host gave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.services import envoys
from api.services.work import Work
from api.storage import traits as rows
from schema import canonical
from schema.envoys import HostTraits, Inventory, InventoryItem, InventoryKey, InventoryKeys
from schema.errors import Invalid, NotFound
from schema.ids import sha256
from schema.protocol.messages import Traits, TraitsDelta, TraitsDigests

MAX_BYTES: Final = 1024 * 1024
MAX_CONDITIONS: Final = 32
MAX_ERRORS: Final = 256
MAX_INVENTORY: Final = 10_000
MAX_KEYS: Final = 10_000
"""Keys that are told of; they are counted whatever their number."""
_BIGGEST: Final = 2**53


class BadTraits(Invalid):
    """Not the traits that their digest names, or too many."""

    code = "traits.bad"


class NoTraits(NotFound):
    """The host has not said yet what it is."""

    code = "traits.none"


class BadCondition(Invalid):
    """Not `dot.path=value`."""

    code = "traits.bad_condition"


def lacking(work: Work, envoy_id: str, message: TraitsDigests) -> list[str] | None:
    """Which of the traits that a host tells of are kept otherwise or not at all; None when the whole is kept."""
    kept = rows.find(work.session, work.project_id, envoy_id)
    if kept is None:
        return sorted(message.digests)
    if kept.sha256 == message.sha256:
        return None
    held = _parts(kept.document)
    return sorted(
        name for name, digest in message.digests.items() if name not in held or sha256(held[name].encode()) != digest
    )


def digest(work: Work, envoy_id: str) -> str | None:
    """Digest of what a host last said it is; None when it has said nothing yet."""
    return rows.digest(work.session, work.project_id, envoy_id)


def digests(work: Work, envoy_ids: Sequence[str]) -> dict[str, str]:
    """Envoy → digest of what it last said it is, where it has said anything."""
    return rows.digests(work.session, work.project_id, envoy_ids)


def store(work: Work, envoy_id: str, message: Traits | TraitsDigests | TraitsDelta) -> list[str] | None:
    """Keep what a host says it is, in place of what it said before.

    Returns:
        None; or, when that is not what the digest names together with what is kept, the traits that are to be sent.

    Raises:
        BadTraits: over 1 MiB, not canonical JSON data, or not what the digest names.
    """
    kept = rows.find(work.session, work.project_id, envoy_id)
    match message:
        case Traits():
            document = _canonical(message.traits)
        case TraitsDigests():
            if kept is None or kept.sha256 != message.sha256:
                return sorted(message.digests)
            document = kept.document.encode()
        case TraitsDelta():
            held = _parts(kept.document) if kept is not None and message.kept else {}
            new = {name: _canonical(value).decode() for name, value in message.traits.items()}
            document = _whole({name: held[name] for name in message.kept if name in held} | new)
            if message.kept and sha256(document) != message.sha256:
                return sorted({*message.kept, *message.traits})
    _put(work, envoy_id, message, document, kept)
    return None


def _put(
    work: Work,
    envoy_id: str,
    message: Traits | TraitsDigests | TraitsDelta,
    document: bytes,
    held: rows.Kept | None,
) -> None:
    if len(document) > MAX_BYTES:
        raise BadTraits(f"the traits have {len(document)} bytes; at most {MAX_BYTES} are kept")
    if sha256(document) != message.sha256:
        raise BadTraits("the traits are not what their digest names")
    if not -_BIGGEST < message.collected_at < _BIGGEST:
        raise BadTraits("the traits were collected at no time that can be")
    errors = json.dumps(dict(sorted(message.errors.items())[:MAX_ERRORS]))
    said = rows.Kept(message.sha256, message.collected_at, document.decode(), errors)
    if held is None or held.sha256 != said.sha256:
        before = rows.keys_of(held.document) if held is not None else frozenset[str]()
        after = rows.keys_of(said.document)
        rows.count_keys(work.session, work.project_id, gone=before - after, come=after - before)
    rows.put(work.session, work.project_id, envoy_id, said, received_at=work.now)
    work.publish("traits.changed", envoy_id=envoy_id)


def _canonical(value: Any) -> bytes:
    try:
        return canonical.dumps(value)
    except canonical.NotCanonical as error:
        raise BadTraits("the traits are not plain JSON data") from error


def _parts(document: str) -> dict[str, str]:
    """Trait → its text in the canonical JSON of all: the digest of that text is the trait's."""
    found: dict[str, str] = {}
    decoder, at = json.JSONDecoder(), 1
    while document[at : at + 1] == '"':
        name, colon = decoder.raw_decode(document, at)
        _, end = decoder.raw_decode(document, colon + 1)
        found[name] = document[colon + 1 : end]
        at = end + 1
    return found


def _whole(parts: Mapping[str, str]) -> bytes:
    """The canonical JSON of all traits, of that of each: RFC 8785 sorts names by their UTF-16."""
    ordered = sorted(parts.items(), key=lambda part: part[0].encode("utf-16-be"))
    return ("{" + ",".join(f"{_canonical(name).decode()}:{text}" for name, text in ordered) + "}").encode()


def get(work: Work, key: str) -> HostTraits:
    """What one host last said it is.

    Raises:
        envoys.EnvoyNotFound, NoTraits
    """
    envoy = envoys.known(work, key)
    found = rows.find(work.session, work.project_id, envoy.id)
    if found is None:
        raise NoTraits("this host has not said yet what it is")
    return HostTraits(
        hostname=envoy.hostname,
        collected_at=found.collected_at,
        traits=json.loads(found.document),
        errors=json.loads(found.errors),
    )


def inventory(work: Work, *, where: Sequence[str] = (), show: str | None = None) -> Inventory:
    """Hosts whose traits meet all conditions, by hostname.

    Args:
        where: conditions `dot.path=value`; of a list, any element may be the value.
        show: dotted paths, separated by commas, to tell of each host; all of its traits when not given.

    Raises:
        BadCondition
    """
    conditions = [_condition(text) for text in where]
    if len(conditions) > MAX_CONDITIONS:
        raise BadCondition(f"more than {MAX_CONDITIONS} conditions")
    paths = [path.strip() for path in show.split(",") if path.strip()] if show is not None else []
    found: list[InventoryItem] = []
    for host in rows.live(work.session, work.project_id):
        if not all(_meets(_at(host.traits, path), value) for path, value in conditions):
            continue
        found.append(
            InventoryItem(
                hostname=host.hostname,
                ip_address=host.ip_address,
                collected_at=host.collected_at,
                traits={path: _at(host.traits, path) for path in paths} if paths else host.traits,
            )
        )
        if len(found) >= MAX_INVENTORY:
            break
    return Inventory(count=len(found), envoys=found)


def keys(work: Work) -> InventoryKeys:
    """All keys that are known across the fleet, by name."""
    found = rows.keys(work.session, work.project_id, limit=MAX_KEYS)
    every = rows.count_of_keys(work.session, work.project_id) if len(found) == MAX_KEYS else len(found)
    return InventoryKeys(
        count=every,
        envoys=rows.reporting(work.session, work.project_id),
        keys=[InventoryKey(key=key, envoys=hosts) for key, hosts in found],
        left_out=every - len(found),
    )


def _condition(text: str) -> tuple[str, str]:
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise BadCondition("a condition is written dot.path=value, for example os.distro=ubuntu")
    return path.strip().removeprefix("traits."), value


def _at(traits: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None when nothing does. A key may itself have dots."""
    if path in traits:
        return traits[path]
    for end in range(len(path) - 1, 0, -1):
        if path[end] == "." and isinstance(inner := traits.get(path[:end]), Mapping):
            return _at(inner, path[end + 1 :])
    return None


def _meets(found: Any, value: str) -> bool:
    if isinstance(found, list):
        return any(_meets(item, value) for item in found)
    if isinstance(found, bool):
        return value.lower() == str(found).lower()
    return found is not None and not isinstance(found, Mapping) and str(found) == value
