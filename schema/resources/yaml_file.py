"""Some keys of a YAML file that somebody else owns."""

from __future__ import annotations

from schema.resources.base import KeysSpec


class YamlFileSpec(KeysSpec):
    """Keys that are to have a value, or are not to be there, in a YAML file whose other keys are not ours.

    Comments, order and quotes stay as they are. A file with several documents or with tags of its own is refused, and
    so is a change to what stands in several places by an alias. Needs ruamel.yaml on the host (extra `documents`).
    """
