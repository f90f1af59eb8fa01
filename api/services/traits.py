"""Traits: what hosts say they are, kept whole; and the inventory over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.services import envoys
from api.services.work import Work
from api.storage import traits as rows
from schema import canonical
from schema.envoys import HostTraits, Inventory, InventoryItem
from schema.errors import Invalid, NotFound
from schema.ids import sha256
from schema.protocol.messages import Traits

MAX_BYTES: Final = 1024 * 1024
MAX_CONDITIONS: Final = 32
MAX_INVENTORY: Final = 10_000
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


def store(work: Work, envoy_id: str, message: Traits) -> None:
    """Store what a host says it is, in place of what it said before.

    Raises:
        BadTraits: over 1 MiB, not canonical JSON data, or not what the digest names.
    """
    try:
        document = canonical.dumps(message.traits)
    except canonical.NotCanonical as error:
        raise BadTraits("the traits are not plain JSON data") from error
    if len(document) > MAX_BYTES:
        raise BadTraits(f"the traits have {len(document)} bytes; at most {MAX_BYTES} are kept")
    if sha256(document) != message.sha256:
        raise BadTraits("the traits are not what their digest names")
    if not -_BIGGEST < message.collected_at < _BIGGEST:
        raise BadTraits("the traits were collected at no time that can be")
    rows.put(
        work.session,
        work.project_id,
        envoy_id,
        sha256=message.sha256,
        collected_at=message.collected_at,
        received_at=work.now,
        document=document.decode(),
    )
    work.publish("traits.changed", envoy_id=envoy_id)


def get(work: Work, key: str) -> HostTraits:
    """What one host last said it is.

    Raises:
        envoys.EnvoyNotFound, NoTraits
    """
    envoy = envoys.known(work, key)
    found = rows.find(work.session, work.project_id, envoy.id)
    if found is None:
        raise NoTraits("this host has not said yet what it is")
    return HostTraits(hostname=envoy.hostname, collected_at=found[0], traits=found[1])


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
