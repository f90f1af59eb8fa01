"""What a rule gives, and the forms that most rules have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from schema.retractions import Confidence

ABSENT: Final = frozenset({"absent", "purged"})


class Reversal(NamedTuple):
    """How one resource is taken back."""

    resource: dict[str, Any] | None
    """Type and parameters of the resource that does it; None where there is none."""
    confidence: Confidence
    message: str


Rule = Callable[[Mapping[str, Any]], Reversal]
"""The parameters of a resource, as written → its reversal."""


def never(why: str) -> Rule:
    """A type whose effect cannot be reversed."""
    return lambda _: Reversal(None, Confidence.NONE, why)


def nothing(why: str) -> Rule:
    """A type that leaves nothing behind."""
    return lambda _: Reversal(None, Confidence.HIGH, why)


def gone(
    kind: str,
    *keep: str,
    says: str,
    confidence: Confidence = Confidence.HIGH,
    unless: Mapping[str, Any] | None = None,
) -> Rule:
    """A type that is reversed by the same, absent.

    Args:
        keep: parameters that say which one it is; the first names it in `says`.
        unless: values of parameters with which there is no reversal.
    """

    def rule(attributes: Mapping[str, Any]) -> Reversal:
        state = attributes.get("state")
        if state in ABSENT:
            return Reversal(None, Confidence.NONE, "it was made absent; whether it was there before is not known")
        for name, value in (unless or {}).items():
            if attributes.get(name) == value:
                return Reversal(None, Confidence.NONE, f"with {name}: {value} there is nothing of its own to remove")
        return Reversal(absent(kind, attributes, keep), confidence, says.format(shown(attributes.get(keep[0]))))

    return rule


def absent(kind: str, attributes: Mapping[str, Any], keep: tuple[str, ...]) -> dict[str, Any]:
    """The resource of a type that makes the same thing absent."""
    return {"type": kind, **{name: attributes[name] for name in keep if name in attributes}, "state": "absent"}


def shown(value: Any) -> str:
    """A parameter in a message."""
    text = ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
