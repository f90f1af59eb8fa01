"""What is asked of a usercrate beyond other crates: it is applied once per user, and each user owns their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.expressions import USER_ROOTS
from schema.documents.configcrates import Resource
from schema.documents.usercrates import Usercrate
from schema.resources import RESOURCES

USERCRATE_PREFIX: Final = "usercrate:"
"""Of the ids of resources and of the label in traces; no configcrate's name has a colon."""
_GLOB: Final = re.compile(r"[*?\[]")
_RUNS_AS: Final = frozenset({"cron", "exec"})
"""Types whose `user` says who runs a command: here always the one whose turn it is."""


class Refused(NamedTuple):
    """What is wrong with one resource."""

    code: str
    key: str
    """Of the resource, or of the crate's defaults."""
    message: str
    hint: str


class UserRules:
    """The rules for the resources of one usercrate."""

    def __init__(self, model: Usercrate) -> None:
        self._model: Final = model
        self._single: Final = not model.include_root and len(model.users) == 1 and not _GLOB.search(model.users[0])

    def shown(self) -> dict[str, Any]:
        """What its object has beyond that of a configcrate."""
        shown: dict[str, Any] = {"kind": "usercrate"}
        if self._model.users:
            shown["users"] = self._model.users
        if self._model.include_root:
            shown["include_root"] = True
        return shown

    def condition(self) -> str | None:
        """Where it applies, as far as that is conditional: two usercrates for other users may own what reads alike."""
        model = self._model
        if model.when is None and not model.users:
            return None
        return repr((model.when, model.users, model.include_root))

    def nobody(self) -> Refused | None:
        """Why there is no host on which it would be applied for anybody."""
        if self._model.users and set(self._model.users) == {"root"} and not self._model.include_root:
            message = "it is for root alone, for whom usercrates are not applied"
            return Refused("usercrate.nobody", "users", message, "include_root: true, if root is meant")
        return None

    def objection(self, resource: Resource, spec: Mapping[str, Any], thing: str) -> Refused | None:
        """Why a resource cannot be applied once per user."""
        model = RESOURCES[resource.type]
        if resource.type in _RUNS_AS and "user" in spec and not _depends_on_user(str(spec["user"])):
            message = f"a command of a usercrate runs as the user whose turn it is, not as {spec['user']}"
            return Refused("usercrate.runs-as", "user", message, "leave user out, or write a configcrate")
        if model.OWNS is None or self._single or _depends_on_user(thing):
            return None
        if isinstance(resource.foreach, str) and _depends_on_user("{{ " + resource.foreach + " }}"):
            return None
        message = f"every user would own the same {model.OWNS} {thing}"
        hint = "write {{ user.home }}/..." if model.OWNS == "path" else "put {{ user.name }} into it"
        hint += ", name one user in users, or write a configcrate"
        return Refused("usercrate.shared", model.IDENTITY, message, hint)


def _depends_on_user(text: str) -> bool:
    analysis = expressions.analyse(text, template=True, roots=USER_ROOTS)
    return bool(analysis.problems) or any(use.path[0] == "user" for use in analysis.paths)
