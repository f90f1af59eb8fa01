"""A small company whose every corner somebody may ask about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler import explanations, graph
from reconciler.graph import Graph
from schema.explanations import Explanation
from tests.factories.trees import tree

FILES: Mapping[str, str] = {
    "common.vgo": "configcrates: [motd]\nvars:\n  dns: 1.1.1.1\n  ssh: {port: 22, idle: 300}\n  allow: [a]\n",
    "roles.vgo": (
        "roles:\n"
        "  base: {configcrates: [sshd, telnet], vars: {allow+: [b]}}\n"
        "  web:\n"
        "    includes: [base]\n"
        "    configcrates: [nginx]\n"
        "    vars: {ssh: {idle: 60}}\n"
        "  database: {configcrates: [postgres]}\n"
    ),
    "environments.vgo": (
        "environments:\n"
        "  production: {vars: {tier: live}, exclude_configcrates: [telnet]}\n"
        "  lab: {configcrates: [tools]}\n"
    ),
    "prod/common.vgo": "vars: {dns: 10.0.0.1}\n",
    "lab/common.vgo": "vars: {dns: 10.9.9.9, only_lab: 1}\n",
    "prod/web.vgo": (
        "envoys:\n"
        "  - match: web01.example.com\n"
        "    environment: production\n"
        "    roles: [web]\n"
        "    vars: {vhosts: [{name: shop}, {name: status}]}\n"
        '  - match: "web*.example.com"\n'
        "    environment: production\n"
        "    roles: [web, database]\n"
    ),
    "lab/hosts.vgo": 'envoys:\n  - match: "*.lab.example.com"\n    environment: lab\n',
    "templates/motd.j2": "Welcome to {{ vars.dns }}\n",
    "configcrates/motd.vgo": (
        "name: motd\n"
        "resources:\n"
        "  - {name: motd, type: file, path: /etc/motd, source: templates/motd.j2}\n"
        "  - {name: deb, type: package, package: motd-tools, when: traits.os.family == 'debian'}\n"
    ),
    "configcrates/sshd.vgo": "name: sshd\nresources:\n  - {type: service, service: ssh, state: running}\n",
    "configcrates/telnet.vgo": "name: telnet\nresources:\n  - {type: package, package: telnet}\n",
    "configcrates/tools.vgo": "name: tools\nwhen: is_container()\nresources:\n  - {type: package, package: gdb}\n",
    "configcrates/postgres.vgo": "name: postgres\nresources:\n  - {type: package, package: postgresql}\n",
    "configcrates/unlisted.vgo": "name: unlisted\nresources:\n  - {type: package, package: cowsay}\n",
    "configcrates/nginx.vgo": (
        "name: nginx\n"
        "vars: {workers: 2, vhosts: []}\n"
        "resources:\n"
        "  - name: vhosts\n"
        "    type: directory\n"
        "    foreach: vars.vhosts\n"
        "    path: /srv/{{ item.name }}\n"
        "  - name: off\n"
        "    type: directory\n"
        "    when: vars.workers > 5\n"
        "    path: /srv/off\n"
    ),
}
Why = Callable[..., Explanation]


@pytest.fixture(scope="session")
def company() -> Graph:
    return compiled(FILES)


@pytest.fixture
def why(company: Graph) -> Why:
    """The explanation of a subject on a host of the company."""

    def ask(host: str, subject: str, **more: Any) -> Explanation:
        return explanations.why(company, host, subject, **more)

    return ask


def compiled(files: Mapping[str, str]) -> Graph:
    found = graph.compile_tree(tree(files))
    assert found.graph is not None, [str(each) for each in found.diagnostics]
    return found.graph
