"""The application: areas in, ASGI out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.routing import BaseRoute, Router
from starlette.routing import Route as PathRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.areas import Area, Endpoint, NoPermission
from api.http.edge import Edge, Route
from api.http.errors import NoSuchPath, render
from api.http.front import Front
from api.services.container import Services
from schema.access import Permission


class Application:
    """The server's HTTP side: `await application(scope, receive, send)`.

    Args:
        areas: whose endpoints are mounted.
        routes: WebSocket routes and the like, each of which authenticates by `edge.doorkeeper`.

    Raises:
        NoPermission: an endpoint declares none.
        ValueError: two endpoints have the same method and path.
    """

    def __init__(self, services: Services, areas: Iterable[Area], *, routes: Sequence[BaseRoute] = ()) -> None:
        self.services = services
        self.areas = tuple(areas)
        self.endpoints: tuple[Endpoint, ...] = tuple(e for area in self.areas for e in area.endpoints)
        self.edge = Edge(services)
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self.endpoints:
            if not isinstance(endpoint.permission, Permission):
                raise NoPermission(f"{endpoint.method} {endpoint.path} declares no permission")
            if by_path.setdefault(endpoint.path, {}).setdefault(endpoint.method, endpoint) is not endpoint:
                raise ValueError(f"{endpoint.method} {endpoint.path} stands twice")
        # A literal segment beats a parameter, whoever comes first: `/users/totp` is not the user "totp".
        paths = sorted(by_path, key=lambda path: [(part.startswith("{"), part) for part in path.split("/")])
        mounted = [PathRoute(path, Route(self.edge, path, by_path[path])) for path in paths]
        router = Router([*mounted, *routes], redirect_slashes=False, default=_nothing)
        self._front: ASGIApp = Front(router, names=services.settings.names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope["services"] = self.services
            scope["application"] = self
        await self._front(scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4404})
    elif scope["type"] == "http":
        await render(NoSuchPath("there is nothing here"))(scope, receive, send)
