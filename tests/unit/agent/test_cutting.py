"""Which resources have to be confirmed by the server, whatever type they are of."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cutting import may_cut_off
from agent.resources import TYPES
from tests.strategies import machines


@pytest.mark.parametrize(
    ("kind", "attributes", "risky"),
    [
        ("file", {"path": "/etc/ssh/sshd_config"}, True),
        ("file", {"path": "/etc/motd"}, False),
        ("blockinfile", {"path": "/etc/hosts", "block": "10.0.0.5 db"}, True),
        ("host_entry", {"host": "vigo.example.com", "address": "10.0.0.5"}, True),
        ("hostname", {"hostname": "web01.example.com"}, True),
        ("resolver", {"resolver": "resolv.conf", "nameservers": ["10.0.0.2"]}, True),
        ("firewall", {"rule": "all", "action": "deny"}, True),
        ("service", {"service": "ssh.service", "state": "stopped"}, True),
        ("service", {"service": "cron", "state": "stopped"}, False),
        ("systemd_unit", {"unit": "ssh.service.d/port.conf", "content": "[Service]\n"}, True),
        ("systemd_unit", {"unit": "shop.service", "content": "[Service]\n"}, False),
        ("cron", {"job": "nightly", "schedule": "@daily", "command": "true"}, False),
    ],
)
def test_what_could_cut_the_host_off_is_known_by_what_it_changes(
    kind: str, attributes: dict[str, Any], *, risky: bool
) -> None:
    resource = TYPES[kind]
    prepared = resource.prepare(resource.spec.model_validate(attributes), machines.sources({}))
    assert may_cut_off(resource, prepared, attributes) is risky
