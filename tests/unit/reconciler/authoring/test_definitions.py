"""Where things are defined, and what names them."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.authoring import Location, definitions, occurrences
from tests.factories.typed import SITE, Typed, on

CRATE = "configcrates/web/nginx.vgo"
LEAF = "production/web.vgo"


def there(path: str, word: str, at: int = 1) -> Typed:
    return on(path, word, at=at)


def shown(at: Typed, found: list[Location]) -> list[str]:
    """Places as `path:line:text`."""
    texts = {each.path: at.snapshot.text(each.path) for each in found}
    return [f"{each.path}:{each.span.line}:{text.within(each.span)}" for each in found if (text := texts[each.path])]


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (("roles.vgo", "nginx"), ["configcrates/web/nginx.vgo:1:nginx"]),
        ((LEAF, "[web]", 2), ["roles.vgo:3:web"]),
        ((LEAF, "environment: production", 15), ["environments.vgo:2:production"]),
        ((CRATE, "templates/"), ["templates/nginx.conf.j2:1:"]),
        ((CRATE, "[motd]", 2), ["configcrates/motd.vgo:1:motd"]),
        ((CRATE, "[reload]", 2), ["configcrates/web/nginx.vgo:15:reload"]),
        (("workflows/deploy.vgo", "restart"), ["tasks/restart.vgo:1:restart"]),
        (("workflows/deploy.vgo", "undo}"), ["workflows/deploy.vgo:5:undo"]),
        (
            (CRATE, "vars.nginx_port", 8),
            [f"{LEAF}:8:nginx_port", "roles.vgo:6:nginx_port", f"{CRATE}:4:nginx_port"],
        ),
        (("templates/nginx.conf.j2", "admin.name", 7), ["common.vgo:3:name"]),
        ((LEAF, "match"), []),
    ],
)
def test_a_definition_is_where_it_is_written(place: tuple[Any, ...], where: list[str]) -> None:
    at = there(*place)
    assert shown(at, definitions.at(*at)) == where


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (("roles.vgo", "nginx"), [f"{CRATE}:1:nginx", f"{LEAF}:7:nginx", "roles.vgo:5:nginx"]),
        ((LEAF, "[web]", 2), [f"{LEAF}:4:web", "roles.vgo:3:web"]),
        (("tasks/restart.vgo", "restart"), ["tasks/restart.vgo:1:restart", "workflows/deploy.vgo:4:restart"]),
        (
            ("roles.vgo", "nginx_port"),
            [
                f"{CRATE}:4:nginx_port",
                f"{CRATE}:14:nginx_port",
                f"{LEAF}:8:nginx_port",
                "roles.vgo:6:nginx_port",
                "templates/nginx.conf.j2:1:nginx_port",
            ],
        ),
        (("common.vgo", "name"), ["common.vgo:3:name", "templates/nginx.conf.j2:2:name"]),
        ((LEAF, "match"), []),
    ],
)
def test_references_are_every_place_that_names_it(place: tuple[Any, ...], where: list[str]) -> None:
    at = there(*place)
    assert shown(at, occurrences.references(*at)) == where


def test_references_without_the_definition() -> None:
    at = on("roles.vgo", "nginx")
    assert [each.path for each in occurrences.references(*at, definition=False)] == [LEAF, "roles.vgo"]


def test_a_resource_without_a_name_is_defined_by_what_it_is_about() -> None:
    crate = "name: x\nresources:\n  - {type: package, package: ntp}\n  - {type: file, path: /x, depends_on: [ntp]}\n"
    at = on("configcrates/x.vgo", "[ntp]", at=2, files={**SITE, "configcrates/x.vgo": crate})
    assert shown(at, definitions.at(*at)) == ["configcrates/x.vgo:3:ntp"]


def test_what_is_written_once_and_aliased_is_found_at_its_anchor() -> None:
    leaf = "envoys:\n  - match: a\n    configcrates: &all [motd]\n  - match: b\n    configcrates: *all\n"
    at = on("x.vgo", "motd", files={**SITE, "x.vgo": leaf})
    assert [each for each in shown(at, occurrences.references(*at)) if each.startswith("x.vgo")] == ["x.vgo:3:motd"]


def test_tests_name_crates_and_roles_too() -> None:
    tests = (
        "tests:\n  - name: t\n    role: web\n    expect:\n      configcrates: [nginx]\n"
        "      resources: {nginx/conf: present}\n"
    )
    at = on("roles.vgo", "nginx", files={**SITE, "tests/t.vgo": tests})
    found = [each for each in shown(at, occurrences.references(*at)) if each.startswith("tests")]
    assert found == ["tests/t.vgo:5:nginx", "tests/t.vgo:6:nginx/conf"]


def test_an_environment_is_looked_for_above_the_file() -> None:
    files = {
        **SITE,
        "production/environments.vgo": "environments: {production: {}}\n",
        "staging/environments.vgo": "environments: {production: {}}\n",
    }
    at = on(LEAF, "environment: production", at=15, files=files)
    assert [each.path for each in definitions.at(*at)] == ["environments.vgo", "production/environments.vgo"]
