"""The pages and what they load: public, and without data of their own."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.http.areas import Area, Call
from api.http.errors import NoSuchPath
from api.web import assets
from schema.access import Permission

area = Area("service")

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",  # GraphiQL's style sheet carries its fonts
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types default",  # made by explorer.js, for HTML alone
    )
)
HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cache-control": "no-cache",  # kept, but asked for again each time: ETags answer 304
}
"""The rest of what an answer needs is the same for all of them: `api/http/front.py`."""

_files: Final = StaticFiles(directory=assets.STATIC)


@area("GET", "/", Permission.PUBLIC, listed=False, content_type="text/html")
async def index(_call: Call) -> Response:
    """Say what this server is and where its faces are."""
    return FileResponse(assets.STATIC / "index.html", headers=HEADERS)


@area("GET", "/graphiql", Permission.PUBLIC, listed=False, content_type="text/html")
async def explorer(_call: Call) -> Response:
    """Show the GraphQL explorer; it asks `/graphql` with the visitor's token."""
    missing = assets.missing()
    if missing:
        return HTMLResponse(_without(missing), status_code=503, headers=HEADERS)
    return FileResponse(assets.STATIC / "explorer.html", headers=HEADERS)


@area("GET", "/rollouts", Permission.PUBLIC, listed=False, content_type="text/html")
async def rollouts(_call: Call) -> Response:
    """Show how changes reach the hosts; the page asks `/graphql` with the visitor's token."""
    return FileResponse(assets.STATIC / "rollouts.html", headers=HEADERS)


@area("GET", "/rollouts/{number}", Permission.PUBLIC, listed=False, content_type="text/html")
async def rollout(_call: Call, number: str) -> Response:  # noqa: ARG001 - the page reads it from its address
    """Show one rollout; the page is the same."""
    return FileResponse(assets.STATIC / "rollouts.html", headers=HEADERS)


@area("GET", "/static/{path:path}", Permission.PUBLIC, listed=False, limited=False, content_type="text/plain")
async def static(call: Call, path: str) -> Response:
    """Send one of the files that pages load."""
    try:
        response = await _files.get_response(path, call.request.scope)
    except HTTPException as error:
        raise NoSuchPath("there is no such file") from error
    response.headers.update(HEADERS)
    return response


def _without(missing: list[str]) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Vigo: GraphQL explorer</title>'
        '<link rel="stylesheet" href="/static/explorer.css"></head><body><main class="home">'
        "<h1>The explorer is not set up yet</h1>"
        f"<p>Its bundles ({escape(', '.join(missing))}) are fetched once, at set-up. On the server's host run:</p>"
        f"<p><code>{assets.COMMAND}</code></p><p>(<code>just setup</code> does it in a checkout), then reload this "
        "page. The API at <code>/graphql</code> works without.</p></main></body></html>"
    )
