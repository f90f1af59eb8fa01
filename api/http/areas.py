"""Areas: what endpoints there are, as data. Routing, OpenAPI, authorization tests, audit and docs read these records.

    area = Area("alerts")

    @area("POST", "/api/v1/alerts/{alert_id}/acknowledge", Permission.FLEET_WRITE, raises=[alerts.AlertNotFound])
    def acknowledge_alert(work: Work, alert_id: AlertId) -> Alert:
        '''Take an alert, so that others need not.'''
        return alerts.acknowledge(work, alert_id)

A sync endpoint takes `Work` and runs in a transaction: the writer's, or for GET (and `write=False`) a reader's. An
async one takes `Call` and composes its own: `await call.read(query)`, `await call.write(use_case)`, `call.app`. Then
come path parameters (by name), one Pydantic model (the JSON body) and query parameters (all others; a default makes
them optional). The return annotation is the response; a Starlette `Response` is sent as it is; None is 204. Of the
docstring the first line is the summary in the API's own description, `Args:` describes the parameters, and the rest is
the description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from starlette.requests import Request

from api.services import graphs
from api.services.container import Services
from api.services.work import Actor, Work
from schema.access import Permission
from schema.errors import Fault

if TYPE_CHECKING:
    from reconciler.graph import Graph

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MAX_BODY: Final = 1024 * 1024
_ARGS: Final = "Args:\n"
_ARGUMENT: Final = re.compile(r" {4}(?P<name>\w+): (?P<text>.*)")
OPEN: Final = frozenset({Permission.PUBLIC, Permission.AGENT_ENROL})
"""Permissions that no account is asked for: the endpoint is public, or reads a credential of its own from the body."""


@dataclass(slots=True)
class Call:
    """One request to an async endpoint."""

    app: Services
    actor: Actor
    request_id: str
    peer: str
    """The peer's address, as the socket has it; forwarding headers are never believed."""
    request: Request
    status: int | None = None
    """Set it to answer with another status than the declared one: 202."""

    async def read(self, query: Callable[[Work], T]) -> T:
        """Run a query in a reader's thread."""
        return await self.app.read(self.actor, query, request_id=self.request_id)

    async def graph(self, as_of: str | None = None) -> Graph:
        """The graph in force, or as of a revision or time. Ask before `read`: it may have to be compiled.

        Raises:
            Those of `graphs.FAULTS`, which an endpoint that takes `asOf` declares.
        """
        return await graphs.at(self.app, self.actor, as_of, request_id=self.request_id)

    async def write(self, use_case: Callable[[Work], T]) -> T:
        """Run a use case in the writer's thread; its audit entries are in the same transaction."""
        return await self.app.write(self.actor, use_case, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint."""

    area: str
    method: str
    path: str
    permission: Permission
    run: Callable[..., Any]
    raises: tuple[type[Fault], ...] = ()
    write: bool = False
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses of success."""
    max_body: int = MAX_BODY
    timeout_s: float | None = None
    """None: the setting's."""
    basic: bool = False
    """Whether user name and password are taken as well as a token."""
    closed_by: str = ""
    """Name of the setting that, when false, makes a public endpoint be not there."""
    opened_by: str = ""
    """Name of the setting that, when true, makes the endpoint public."""
    loopback: bool = False
    """Whether it is public to a peer on the same machine."""
    limited: bool = True
    """Whether a public endpoint counts against the peer's rate; false for static assets."""
    content_type: str = "application/json"
    listed: bool = True
    """Whether it stands in the API's own description."""

    @property
    def name(self) -> str:
        """The function's name: the operation's id."""
        return str(getattr(self.run, "__name__", "endpoint"))

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.run.__doc__ or "").strip().split("\n")[0]

    @property
    def description(self) -> str:
        """Its docstring without the first line and without `Args:`."""
        lines = (self.run.__doc__ or "").partition(_ARGS)[0].strip().split("\n")[1:]
        return "\n".join(line.strip() for line in lines).strip()

    @property
    def arguments(self) -> Mapping[str, str]:
        """Parameter of the function → what its docstring says of it."""
        told: dict[str, str] = {}
        name = ""
        for line in cleandoc(self.run.__doc__ or "").partition(_ARGS)[2].strip("\n").split("\n"):
            found = _ARGUMENT.fullmatch(line)
            if found is not None:
                name, told[found["name"]] = found["name"], found["text"]
            elif name and line.strip():
                told[name] += f" {line.strip()}"
        return told


class NoPermission(RuntimeError):
    """An endpoint without a declared permission: the server does not start."""


@dataclass(slots=True)
class Area:
    """Records the endpoints of one area: one per file of `api/rest`."""

    name: str
    endpoints: list[Endpoint] = field(default_factory=list)

    def __call__(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        permission: Permission,
        *,
        raises: Sequence[type[Fault]] = (),
        write: bool | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Record the function below as an endpoint.

        Args:
            permission: what a caller needs; PUBLIC must be said too.
            raises: the faults that can come out, beyond those of every endpoint (401, 403, bad input, limits, 503).
            write: whether a sync endpoint writes; by default all but GET do.
            options: the other fields of `Endpoint`.
        """
        if not isinstance(permission, Permission):
            raise NoPermission(f"{method} {path} declares no permission")

        def record(run: F) -> F:
            writes = method != "GET" if write is None else write
            self.endpoints.append(
                Endpoint(self.name, method, path, permission, run, tuple(raises), writes, **_checked(options))
            )
            return run

        return record


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    if "also" in options:
        options["also"] = tuple(options["also"])
    return options
