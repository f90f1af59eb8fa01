"""The cloud that the host is rented from, by what the firmware says and what cloud-init has written.

Nothing is asked over the network: a metadata service hands out credentials too, and whoever asks it must be trusted
with them.
"""

from __future__ import annotations

import json
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources, virtualization

_INSTANCE: Final = "/run/cloud-init/instance-data.json"
_INSTANCE_ID: Final = "/var/lib/cloud/data/instance-id"
_STRIPPED: Final = frozenset({"", "none", "unknown"})
_PROVIDERS: Final = (
    ("amazon", "aws"),
    ("microsoft corporation virtual machine", "azure"),
    ("google", "gcp"),
    ("digitalocean", "digitalocean"),
    ("hetzner", "hetzner"),
    ("alibaba", "alibaba"),
    ("openstack", "openstack"),
    ("scaleway", "scaleway"),
    ("vultr", "vultr"),
    ("linode", "linode"),
    ("akamai", "linode"),
    ("upcloud", "upcloud"),
    ("exoscale", "exoscale"),
    ("oraclecloud", "oracle"),
)


def collect(host: Host) -> dict[str, Any]:
    """`cloud.*` of `schema.traits`."""
    said = _said(host)
    optional = {
        "provider": _provider(host) or said.get("cloud_name", ""),
        "instance_id": said.get("instance_id") or sources.readable(host, _INSTANCE_ID).strip(),
        "region": said.get("region", ""),
        "zone": said.get("availability_zone", ""),
    }
    known = {key: value for key, value in optional.items() if value.lower() not in _STRIPPED}
    return {"cloud_init": bool(said) or host.lstat("/var/lib/cloud/instance") is not None, **known}


def _provider(host: Host) -> str:
    words = ("sys_vendor", "product_name", "bios_vendor", "chassis_asset_tag")
    machine = " ".join(virtualization.dmi(host, word) for word in words).lower()
    return next((name for words, name in _PROVIDERS if words in machine), "")


def _said(host: Host) -> dict[str, str]:
    """What cloud-init calls `v1`, the same for every cloud. The file that all may read holds no user data."""
    try:
        said = json.loads(sources.readable(host, _INSTANCE) or "{}")
    except ValueError:
        return {}
    v1 = said.get("v1") if isinstance(said, dict) else None
    return {key: value for key, value in v1.items() if isinstance(value, str)} if isinstance(v1, dict) else {}
