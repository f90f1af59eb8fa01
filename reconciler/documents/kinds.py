"""Kinds of documents: which model, and which place in the tree.

A kind is one model (`schema/documents`), one place rule (here) and one compile step (`reconciler/graph`); nothing else
has to change when one is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel

from schema.documents.claims import ComplianceClaims
from schema.documents.configcrates import Configcrate
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.invariants import Invariants
from schema.documents.leaves import Leaf
from schema.documents.roles import Roles
from schema.documents.rollout import Rollout
from schema.documents.settings import Settings
from schema.documents.tasks import Task
from schema.documents.tests import HostTests
from schema.documents.usercrates import Usercrate
from schema.documents.waivers import Waivers
from schema.documents.workflows import Workflow

SUFFIX: Final = ".vgo"


class Kind(StrEnum):
    """What a `.vgo` file is."""

    SETTINGS = "settings"
    CONFIGCRATE = "configcrate"
    USERCRATE = "usercrate"
    ROLES = "roles"
    INHERITED = "inherited"
    ENVIRONMENTS = "environments"
    WAIVERS = "waivers"
    CLAIMS = "claims"
    ROLLOUT = "rollout"
    INVARIANTS = "invariants"
    TASK = "task"
    WORKFLOW = "workflow"
    TESTS = "tests"
    LEAF = "leaf"


MODELS: Final[Mapping[Kind, type[BaseModel]]] = {
    Kind.SETTINGS: Settings,
    Kind.CONFIGCRATE: Configcrate,
    Kind.USERCRATE: Usercrate,
    Kind.ROLES: Roles,
    Kind.INHERITED: Inherited,
    Kind.ENVIRONMENTS: Environments,
    Kind.WAIVERS: Waivers,
    Kind.CLAIMS: ComplianceClaims,
    Kind.ROLLOUT: Rollout,
    Kind.INVARIANTS: Invariants,
    Kind.TASK: Task,
    Kind.WORKFLOW: Workflow,
    Kind.TESTS: HostTests,
    Kind.LEAF: Leaf,
}

ROOT: Final = "vigo.vgo"
CONTENT: Final = frozenset({"templates", "files"})
"""Top directories that hold any bytes: never read as documents."""

_DIRECTORIES: Final = {
    "configcrates": Kind.CONFIGCRATE,
    "usercrates": Kind.USERCRATE,
    "tasks": Kind.TASK,
    "workflows": Kind.WORKFLOW,
    "tests": Kind.TESTS,
}
_AT_ROOT: Final = {
    "vigo": Kind.SETTINGS,
    "roles": Kind.ROLES,
    "rollout": Kind.ROLLOUT,
    "invariants": Kind.INVARIANTS,
}
_ANYWHERE: Final = {
    "common": Kind.INHERITED,
    "environments": Kind.ENVIRONMENTS,
    "waivers": Kind.WAIVERS,
    "compliance": Kind.CLAIMS,
}
RESERVED_FILES: Final = frozenset(
    {
        "users",
        "alerts",
        "channels",
        "schedules",
        "budgets",
        "scope",
        "policies",
        "projects",
        "extensions",
    }
)
RESERVED_DIRECTORIES: Final = frozenset({"alerts", "schedules", "deployments", "scans"})


class Refusal(NamedTuple):
    """Why a `.vgo` file may not stand where it does."""

    code: str
    message: str
    hint: str


def place(path: str) -> Kind | Refusal | None:
    """The kind of the file at a path; None for what is not read as a document."""
    if not path.endswith(SUFFIX):
        return None
    top, slash, rest = path.partition("/")
    directory, name = (top if slash else ""), path.rpartition("/")[2].removesuffix(SUFFIX)
    if directory in CONTENT:
        return None
    if directory in RESERVED_DIRECTORIES:
        return Refusal("file.reserved", f"the directory {directory}/ is kept for an area that is not built yet", _MOVE)
    if directory in _DIRECTORIES:
        if directory != "tests" and (name in _ANYWHERE or name in _AT_ROOT):  # what is tested names a file of tests
            hint = f"a {_DIRECTORIES[directory]} may not be called {name}"
            return Refusal("file.misplaced", f"{name}{SUFFIX} has no meaning below {directory}/", hint)
        return _DIRECTORIES[directory]
    if name in _AT_ROOT:
        if not rest:
            return _AT_ROOT[name]
        return Refusal("file.misplaced", f"{name}{SUFFIX} stands at the root only", f"move it to {name}{SUFFIX}")
    if name in RESERVED_FILES:
        return Refusal("file.reserved", f"the name {name}{SUFFIX} is kept for an area that is not built yet", _MOVE)
    return _ANYWHERE.get(name, Kind.LEAF)


def looks_misnamed(path: str) -> bool:
    """Whether somebody may think that this file is read: YAML by another suffix, in a place for documents."""
    return path.endswith((".yaml", ".yml")) and path.partition("/")[0] in _DIRECTORIES


_MOVE: Final = "give it another name or place"
