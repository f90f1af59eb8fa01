"""Pages load nothing from elsewhere and run nothing inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.web import assets, pages

if TYPE_CHECKING:
    from tests.server import Server

PAGES = {"/": "index.html", "/graphiql": "explorer.html", "/rollouts": "rollouts.html", "/rollouts/7": "rollouts.html"}
FILES = sorted(set(PAGES.values()))
SCRIPTS = sorted(path.name for path in assets.STATIC.glob("*.js"))


class Reader(HTMLParser):
    """What a page loads, and what of it would run or style inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._inside = tag
        self.inline += [f"{tag}.{name}" for name in named if name.startswith("on") or name == "style"]
        if tag in {"script", "img"} or (tag == "link" and named.get("rel") in {"stylesheet", "icon"}):
            self.loads.append(named.get("src") or named.get("href") or "")

    def handle_data(self, data: str) -> None:
        if self._inside in {"script", "style"} and data.strip():
            self.inline.append(f"<{self._inside}>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


@pytest.fixture
def web(server: Server) -> Server:
    """A server with the pages."""
    from api.http.application import Application

    server.application = Application(server.services, [pages.area])
    return server


@pytest.mark.parametrize("name", FILES)
def test_a_page_has_no_inline_script_or_style_and_loads_from_here_alone(name: str) -> None:
    found = Reader((assets.STATIC / name).read_text())

    assert found.inline == []
    assert found.loads
    assert all(re.fullmatch(r"/static/[\w./-]+", place) for place in found.loads)


@pytest.mark.parametrize("name", FILES)
def test_everything_a_page_loads_is_there(name: str) -> None:
    vendored = {f"/static/vendor/{name}" for name in assets.FILES}

    for place in Reader((assets.STATIC / name).read_text()).loads:
        assert place in vendored or (assets.STATIC / place.removeprefix("/static/")).is_file()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_public_and_under_a_strict_policy(web: Server, path: str) -> None:
    answer = web.get(path)

    assert answer.status_code == (503 if path == "/graphiql" and assets.missing() else 200)
    policy = dict(part.partition(" ")[::2] for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_static_file_has_its_type_and_is_asked_for_again_by_its_tag(web: Server) -> None:
    first = web.get("/static/explorer.js")
    second = web.get("/static/explorer.js", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, second.status_code) == (200, 304)
    assert first.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing",
        "/static/..%2fpages.py",
        "/static/%2e%2e/pages.py",
        "/static/",
        "/static/vendor",
        "/static//etc/passwd",
    ],
)
def test_nothing_outside_the_folder_is_sent(web: Server, path: str) -> None:
    answer = web.get(path)

    assert answer.status_code in {400, 404}
    assert "import" not in answer.text


def test_without_its_bundles_the_explorer_says_how_to_fetch_them(
    web: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "nothing")

    answer = web.get("/graphiql")

    assert answer.status_code == 503
    assert "python -m api.web.assets" in answer.text
    assert Reader(answer.text).inline == []


def test_the_token_is_in_one_hand_and_never_put_where_it_stays_or_shows() -> None:
    texts = {name: (assets.STATIC / name).read_text() for name in SCRIPTS}

    assert [name for name, text in texts.items() if "sessionStorage.setItem" in text] == ["token.js"]
    assert [name for name, text in texts.items() if "sessionStorage" in text] == ["token.js"]
    for text in texts.values():
        assert not re.search(r"localStorage|document\.cookie|location\.(href|hash)|history\.(push|replace)", text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_loads_from_here_alone_and_writes_no_html(name: str) -> None:
    text = (assets.STATIC / name).read_text()

    for place in re.findall(r'from "([^"]+)"', text):
        assert (assets.STATIC / place.removeprefix("./")).is_file()
    assert not re.search(r"innerHTML\s*=[^=]|outerHTML|insertAdjacentHTML|document\.write|\beval\b|import\(", text)
