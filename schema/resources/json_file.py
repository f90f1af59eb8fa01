"""Some keys of a JSON file that somebody else owns."""

from __future__ import annotations

from schema.resources.base import KeysSpec


class JsonFileSpec(KeysSpec):
    """Keys that are to have a value, or are not to be there, in a JSON file whose other keys are not ours.

    Order and indentation stay as they are. A file with comments is not JSON, and is refused.
    """
