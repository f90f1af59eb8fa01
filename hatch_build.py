"""Build hook: a wheel carries the example repository, so that `vigo demo` runs without a checkout."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExampleRepository(BuildHookInterface):  # type: ignore[misc,type-arg] - hatchling is there at build time alone
    """Adds examples/repo to wheels, not to editable installs: those find it in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what to add. `version` is `standard` or `editable`."""
        if version == "standard":
            build_data["force_include"]["examples/repo"] = "api/cli/demo/repo"
