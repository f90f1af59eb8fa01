"""Some keys of a TOML file that somebody else owns."""

from __future__ import annotations

from typing import ClassVar

from schema.resources.base import KeysSpec


class TomlFileSpec(KeysSpec):
    """Keys that are to have a value, or are not to be there, in a TOML file whose other keys are not ours.

    Comments and layout stay as they are. Needs tomlkit on the host (extra `documents`).
    """

    NULLS: ClassVar[bool] = False
