"""Trees compiled in a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from reconciler import graph
from reconciler.graph import Graph
from tests.factories.trees import tree

Compile = Callable[[Mapping[str, str]], Graph]


@pytest.fixture
def compiled() -> Compile:
    """Compile files, with `vigo.vgo` beside them; what is wrong with them fails the test."""

    def run(files: Mapping[str, str]) -> Graph:
        found = graph.compile_tree(tree(files))
        assert found.graph is not None, [str(each) for each in found.diagnostics]
        return found.graph

    return run


SPECIFICATION: Mapping[str, str] = {
    "common.vgo": "configcrates: [monitoring]\nvars: {dns_server: 1.1.1.1}\n",
    "production/common.vgo": "configcrates: [log-shipping]\nvars: {dns_server: 10.0.0.1, log_level: warn}\n",
    "environments.vgo": "environments:\n  production:\n    vars: {nginx_port: 443}\n",
    "roles.vgo": (
        "roles:\n"
        "  base-security: {configcrates: [firewall, sshd]}\n"
        "  webserver: {includes: [base-security], configcrates: [nginx, logrotate]}\n"
    ),
    "production/web/web.vgo": (
        "envoys:\n"
        '  - match: "web*.prod.example.com"\n'
        "    environment: production\n"
        "    roles: [webserver]\n"
        "    vars: {log_level: warn}\n"
    ),
    **{
        f"configcrates/{name}.vgo": f"name: {name}\nresources:\n"
        + "".join(f"  - {{type: directory, path: /srv/{name}/{number}}}\n" for number in range(count))
        for name, count in {
            "monitoring": 3,
            "log-shipping": 2,
            "firewall": 1,
            "sshd": 2,
            "nginx": 4,
            "logrotate": 2,
        }.items()
    },
}
"""The repository behind the specification's example of a trace."""


@pytest.fixture
def specification() -> Mapping[str, str]:
    """The repository behind the specification's example of a trace."""
    return SPECIFICATION
