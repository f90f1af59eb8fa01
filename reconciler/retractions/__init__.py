"""Retractions: the crate that takes back what a removed crate did, by a rule for each resource type.

Deterministic: the same crate always gives the same answer, and no model is asked. A rule reverses only what the crate
itself says; what was on a host before it, nobody wrote down, so that what cannot be known is said and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml

from reconciler.documents import DocumentCache, load
from reconciler.repository.listing import blob_id
from reconciler.repository.trees import Entry
from reconciler.retractions import accesses, files, software, systems
from reconciler.retractions.reversals import Reversal, Rule
from schema.documents.configcrates import Configcrate, Resource
from schema.guardrails import objection
from schema.retractions import Confidence, Reversed

RULES: Final[Mapping[str, Rule]] = {**files.RULES, **software.RULES, **systems.RULES, **accesses.RULES}
"""Resource type → its rule."""
SUFFIX: Final = "-retract"


class Retracted(NamedTuple):
    """The reversal of one crate."""

    crate: str
    """YAML; empty when nothing can be reversed."""
    warnings: list[Reversed]
    """One for each resource, in the crate's order."""


def retract(name: str, content: str) -> Retracted:
    """The crate that takes one back, from its text. What is no crate has one warning that says why."""
    tree = _OneFile(f"configcrates/{name}.vgo", content.encode())
    document = load(tree, DocumentCache()).by_path.get(tree.path)
    model = document.parsed.model if document is not None else None
    if not isinstance(model, Configcrate) or document is None or not document.parsed.whole:
        said = str(document.diagnostics[0]) if document is not None and document.diagnostics else "it is no configcrate"
        return Retracted("", [Reversed(resource="", type="", confidence=Confidence.NONE, message=said)])
    warnings: list[Reversed] = []
    reversed_: list[dict[str, Any]] = []
    for resource in model.resources:
        found = _reversal(resource)
        called = resource.name or _identity(resource)
        warnings.append(
            Reversed(resource=called, type=resource.type, confidence=found.confidence, message=found.message)
        )
        if found.resource is not None:
            reversed_.append(_written(resource, found.resource))
    # What came last goes first: a service before its package, a file before its directory.
    return Retracted(_crate(model, reversed_[::-1]) if reversed_ else "", warnings)


def _reversal(resource: Resource) -> Reversal:
    rule = RULES.get(resource.type)
    if rule is None:
        return Reversal(None, Confidence.NONE, f"there is no resource type {resource.type}")
    attributes = resource.model_extra or {}
    if resource.audit:
        return Reversal(None, Confidence.HIGH, "it only reported: nothing to take back")
    if "{{" in str(attributes.get("state", "")):
        return Reversal(None, Confidence.NONE, "its state is decided on the host")
    found = rule(attributes)
    if found.resource is not None and (why := objection(found.resource)):
        return Reversal(None, Confidence.NONE, why)
    return found


def _written(resource: Resource, reversal: Mapping[str, Any]) -> dict[str, Any]:
    """The reversal under the name of what it reverses, for the hosts and items that had it."""
    made = {"name": resource.name} if resource.name is not None else {}
    kept = {word: value for word in ("when", "foreach") if (value := getattr(resource, word)) is not None}
    return {**made, **reversal, **kept}


def _crate(model: Configcrate, resources: list[dict[str, Any]]) -> str:
    crate: dict[str, Any] = {
        "name": f"{model.name}{SUFFIX}",
        "description": f"Takes back what {model.name} did. Remove it once all its hosts have run it.",
    }
    if model.vars:
        crate["vars"] = model.vars
    if model.when is not None:
        crate["when"] = model.when
    return str(yaml.safe_dump(crate | {"resources": resources}, sort_keys=False, allow_unicode=True, width=4096))


def _identity(resource: Resource) -> str:
    from schema.resources import RESOURCES

    spec = RESOURCES.get(resource.type)
    value = (resource.model_extra or {}).get(spec.IDENTITY, "") if spec is not None else ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class _OneFile:
    """A tree of one file."""

    commit = None

    def __init__(self, path: str, data: bytes) -> None:
        self.path: Final = path
        self.id: Final = blob_id(data)
        self._data: Final = data

    def entries(self) -> Mapping[str, Entry]:
        """The file."""
        return {self.path: Entry(self.id, len(self._data))}

    def subtrees(self) -> Mapping[str, str]:
        """Only the root."""
        return {"": self.id}

    def refused(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def read(self, oid: str) -> bytes:  # noqa: ARG002 - there is one
        """Its bytes."""
        return self._data
