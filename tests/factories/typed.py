"""Somebody at a file: sources with the cursor marked in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.authoring import Position, Snapshot, Text
from reconciler.authoring.snapshots import snapshot_of
from tests.factories.trees import tree

MARK = "¦"

SITE: Mapping[str, str] = {
    "roles.vgo": "roles:\n"
    "  base: {description: Every server., configcrates: [motd]}\n"
    "  web:\n"
    "    includes: [base]\n"
    "    configcrates: [nginx]\n"
    "    vars: {nginx_port: 8080}\n",
    "common.vgo": "vars:\n  company: Nordwind\n  admins: [{name: ada, uid: 2001}]\n",
    "environments.vgo": "environments:\n"
    "  production:\n"
    "    description: What customers use.\n"
    "    vars: {tier: gold}\n"
    "  staging: {}\n",
    "configcrates/motd.vgo": "name: motd\n"
    "description: What people see.\n"
    "resources:\n"
    "  - {type: file, path: /etc/motd, content: 'of {{ vars.company }}'}\n",
    "configcrates/web/nginx.vgo": "name: nginx\n"
    "description: Web server.\n"
    "depends_on: [motd]\n"
    "vars: {nginx_port: 80}\n"
    "resources:\n"
    "  - name: conf\n"
    "    type: file\n"
    "    path: /etc/nginx.conf\n"
    "    source: templates/nginx.conf.j2\n"
    "    notify: [reload]\n"
    "  - name: port\n"
    "    type: file\n"
    "    path: /etc/port\n"
    '    content: "{{ vars.nginx_port }}"\n'
    "  - {name: reload, type: service, service: nginx, state: reloaded}\n",
    "templates/nginx.conf.j2": "listen {{ vars.nginx_port }};\n{% for admin in vars.admins %}{{ admin.name }}{% endfor %}\n",
    "production/web.vgo": "envoys:\n"
    '  - match: "web*.example.com"\n'
    "    environment: production\n"
    "    roles: [web]\n"
    "  - match: db1.example.com\n"
    "    environment: staging\n"
    "    configcrates: [motd, nginx]\n"
    "    vars: {nginx_port: 5432}\n",
    "tasks/restart.vgo": "name: restart\n"
    "description: Restart one service.\n"
    "params: {service: {type: string, required: true}}\n"
    "command: systemctl restart {{ params.service | quote }}\n",
    "workflows/deploy.vgo": "name: deploy\n"
    "inputs: {version: {type: string}}\n"
    "steps:\n"
    "  - {name: go, task: restart, params: {service: nginx}, on_failure: undo}\n"
    "  - {name: undo, command: echo no, only_on_failure: true}\n",
}


class Typed(NamedTuple):
    """A cursor in a file of a tree."""

    snapshot: Snapshot
    path: str
    text: Text
    position: Position


def typed(path: str, source: str, files: Mapping[str, str] = SITE, *, saved: str | None = None) -> Typed:
    """The site with one file as typed, the cursor where the mark is.

    Args:
        saved: the file as it was last compiled, when it cannot be read as typed.
    """
    offset = source.index(MARK)
    text = Text(source.replace(MARK, "", 1))
    made = tree({**files, path: text.source if saved is None else saved})
    return Typed(snapshot_of(made), path, text, text.position(offset))


def on(path: str, word: str, *, nth: int = 0, at: int = 1, files: Mapping[str, str] = SITE) -> Typed:
    """The site with the cursor on the `nth` occurrence of a word, `at` characters into it."""
    offset = -1
    for _ in range(nth + 1):
        offset = files[path].index(word, offset + 1)
    source = files[path]
    return typed(path, f"{source[: offset + at]}{MARK}{source[offset + at :]}", files)
