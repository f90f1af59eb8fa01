"""What the resources of one run own, and which of those that the journal knows are still in the catalog."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final

from agent import usercrates

if TYPE_CHECKING:
    from agent.plan import Instance


class Claims:
    """Of one run.

    Args:
        listed: ids of all resources of the catalog; of one with `foreach`, its items have ids of their own.
    """

    def __init__(self, listed: Container[str]) -> None:
        self._listed: Final = listed
        self._met: Final[set[str]] = set()
        self._owners: Final[dict[tuple[str, str], str]] = {}
        self._passed: Final[list[Instance]] = []
        """Those that are not counted in yet: in most runs nobody asks."""
        self.unexpanded: Final[set[str]] = set()
        """Ids of resources of which not all items were met."""
        self.users_known = True
        """Whether it is known for whom there are usercrates."""

    def met(self, instance: Instance) -> None:
        """It is in the catalog."""
        self._met.add(instance.id)

    def passed(self, instance: Instance) -> None:
        """It is in the catalog, and owns what it owned in the last run."""
        self._passed.append(instance)

    def claim(self, instance: Instance) -> str:
        """Let it own what nobody owns yet; why it cannot have all of it, where another has it."""
        owners = self.owners()
        for thing in instance.owns:
            if (owner := owners.setdefault(thing, instance.id)) != instance.id:
                return f"{thing[1]} is managed by {owner} already"
        return ""

    def owners(self) -> dict[tuple[str, str], str]:
        """What is owned → by which resource."""
        for instance in self._passed:
            self._met.add(instance.id)
            for thing in instance.owns:
                self._owners.setdefault(thing, instance.id)
        self._passed.clear()
        return self._owners

    def is_kept(self, resource: str) -> bool:
        """Whether a resource of the journal is still in the catalog, as far as that is known."""
        if resource in self._listed or resource.rpartition("[")[0] in self.unexpanded:
            return True
        if not self.users_known and resource.startswith(usercrates.PREFIX):
            return True
        self.owners()
        return resource in self._met
