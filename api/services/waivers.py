"""Waivers: exceptions to controls, added to the config repository as a person would write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from api.services import changes
from api.services.changes import Change, Edit
from api.services.work import Actor
from reconciler.documents import edit
from reconciler.documents.compose import compose
from schema.changes import Written
from schema.errors import Invalid
from schema.waivers import WaiverCreate

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.repository import Tree

FILE: Final = "waivers.vgo"
_OURS: Final = {"dir", "propose"}


class NoSuchDirectory(Invalid):
    """The repository has no such directory."""

    code = "waivers.no_such_directory"


async def add(services: Services, actor: Actor, new: WaiverCreate, *, key: str = "", request_id: str = "") -> Written:
    """Add a waiver to the `waivers.vgo` of a directory, whose comments stay; made where there is none.

    Raises:
        NoSuchDirectory; and those of `changes.write`: also where nothing claims the control, or dates are reversed.
    """
    change = Change(
        f"Waive {new.control} of {new.framework} until {new.expires}",
        adding(new),
        reason=f"{new.reason}\n\nApproved by {new.approved_by}.",
        kind="waiver",
    )
    return await changes.write(services, actor, change, request_id=request_id, propose=new.propose, key=key)


def adding(new: WaiverCreate) -> Edit:
    """The edit that adds a waiver."""
    directory = new.dir.strip("/")
    path = f"{directory}/{FILE}" if directory else FILE
    item: dict[str, Any] = new.model_dump(exclude=_OURS, exclude_none=True)
    if not item["evidence"]:
        del item["evidence"]

    def edited(tree: Tree) -> Mapping[str, bytes | None]:
        if directory and directory not in tree.subtrees():
            raise NoSuchDirectory(f"there is no directory {directory}", dir=directory)
        entry = tree.entries().get(path)
        text = tree.read(entry.oid).decode("utf-8", "replace") if entry is not None else ""
        data = compose(text.encode()).data
        already = data.get("waivers") if isinstance(data, dict) else None
        if isinstance(already, list) and already:
            return {path: edit.set_value(text, ["waivers", len(already)], item).encode()}
        return {path: edit.set_value(text, ["waivers"], [item]).encode()}

    return edited
