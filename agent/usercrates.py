"""Usercrates: what is planned once for each of them, and stands once for each user whom it is for.

Copies of steps, with ids, order and names of their own. Who the users are is `agent.users`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent import ordering
from agent.hosts import Host
from agent.resources.types import ResourceFailed
from agent.users import User, chosen
from schema.protocol.desired import UsercrateObject

if TYPE_CHECKING:
    from agent.plan import CratePlan, Step

PREFIX: Final = "usercrate:"
MAX_STEPS: Final = 20_000
"""Of all users together; a report holds no more."""


class Usercrates:
    """The usercrates of one desired state.

    Args:
        objects: as the catalog lists them.
        crates: their plans, in the same order.
        steps: theirs, crate by crate, with indices among themselves.
    """

    def __init__(self, objects: Sequence[UsercrateObject], crates: Sequence[CratePlan], steps: Sequence[Step]) -> None:
        self._objects: Final = objects
        self._crates: Final = crates
        places = {id(crate): number for number, crate in enumerate(crates)}
        self._steps: Final[list[list[int]]] = [[] for _ in crates]
        self._all: Final = steps
        for index, step in enumerate(steps):
            self._steps[places[id(step.crate)]].append(index)

    def of(
        self, users: Sequence[User], host: Host, *, first_crate: int, first_step: int
    ) -> tuple[list[CratePlan], list[Step]]:
        """What stands for these users, user by user.

        Args:
            first_crate: the index that the first crate will have; indices of what is made count from there.
            first_step: the same of the first step.

        Raises:
            ResourceFailed: more than `MAX_STEPS`.
        """
        crates: list[CratePlan] = []
        steps: list[Step] = []
        for user in users:
            mine = [
                number
                for number, each in enumerate(self._objects)
                if chosen([user], each.users, include_root=each.include_root)
            ]
            if len(steps) + sum(len(self._steps[number]) for number in mine) > MAX_STEPS:
                raise ResourceFailed(f"usercrates stand for more than {MAX_STEPS} resources on this host")
            seen = host.as_user(user.account) if mine else host
            crate_at = {number: first_crate + len(crates) + at for at, number in enumerate(mine)}
            requires = ordering.reaching(
                [crate.requires for crate in self._crates], [number in crate_at for number in range(len(self._crates))]
            )
            listed = [index for number in mine for index in self._steps[number]]
            step_at = {index: first_step + len(steps) + at for at, index in enumerate(listed)}
            for number in mine:
                crate = self._crate(number, user, seen, [crate_at[other] for other in requires[number]])
                crates.append(crate)
                steps += [self._step(index, crate, step_at) for index in self._steps[number]]
        return crates, steps

    def _crate(self, number: int, user: User, host: Host, requires: Sequence[int]) -> CratePlan:
        crate = self._crates[number]
        return replace(
            crate,
            name=f"{PREFIX}{crate.name}@{user.account.name}",
            requires=tuple(requires),
            scope={**crate.scope, "user": user.scope},
            host=host,
            user=user,
        )

    def _step(self, index: int, crate: CratePlan, step_at: dict[int, int]) -> Step:
        step = self._all[index]
        name = step.resource.id.removeprefix(f"{PREFIX}{step.crate.name}/")
        return replace(
            step,
            resource=step.resource.model_copy(update={"id": f"{crate.name}/{name}"}),
            crate=crate,
            host=step.host if step.kind is not None and step.kind.of_machine else crate.host,
            requires=tuple(step_at[other] for other in step.requires),
            notifies=tuple(step_at[other] for other in step.notifies),
            waits=bool(step.requires or crate.requires),
            restful=False,  # what is in a home is only looked at on behalf of its user
        )
