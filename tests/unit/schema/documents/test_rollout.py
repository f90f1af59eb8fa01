"""What may stand in `rollout.vgo` as a health check."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schema.documents.rollout import HealthCheck
from schema.shapes import MAX_COMMAND_CHARS


def test_a_command_is_a_program_and_its_arguments() -> None:
    check = HealthCheck.model_validate({"command": ["/usr/bin/curl", "-sf", ""], "returns": [0, 22], "timeout": "5s"})
    assert (check.command, check.returns, check.timeout) == (["/usr/bin/curl", "-sf", ""], [0, 22], 5)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "either a url or a command"),
        ({"url": "https://x.example.com/", "command": ["true"]}, "either a url or a command"),
        ({"command": "systemctl is-active nginx"}, "as a list"),
        ({"command": []}, "at least 1 item"),
        ({"command": ["bin/check"]}, "neither the name of a program nor an absolute path"),
        ({"command": ["echo", "a\0b"]}, "match pattern"),
        ({"command": ["echo", *["x" * 4096] * (MAX_COMMAND_CHARS // 4096 + 1)]}, "characters"),
        ({"command": ["true"], "status": 200}, "a command has no status"),
        ({"url": "https://x.example.com/", "returns": [0]}, "an address has no exit codes"),
        ({"command": ["true"], "returns": [256]}, "less than or equal to 255"),
        ({"command": ["true"], "timeout": "10m"}, "less than or equal to 300"),
    ],
)
def test_what_is_no_check_says_why(written: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HealthCheck.model_validate(written)
