"""Tags over REST: words that operators put on hosts."""

from __future__ import annotations

from api.http.areas import Area
from api.services import envoys, tags
from api.services.work import Work
from schema.access import Permission
from schema.envoys import EnvoyKey
from schema.tags import HostTags, TagsUpdate

area = Area("tags")


@area("GET", "/api/v1/envoys/{id}/tags", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
def envoy_tags(work: Work, id: EnvoyKey) -> HostTags:  # noqa: A002 - the path's own word
    """The tags of one envoy, by id or hostname."""
    return tags.get(work, id)


@area("PUT", "/api/v1/envoys/{id}/tags", Permission.FLEET_WRITE, raises=[envoys.EnvoyNotFound])
def set_envoy_tags(work: Work, id: EnvoyKey, body: TagsUpdate) -> HostTags:  # noqa: A002 - the path's own word
    """Set the tags of one envoy: all of them, so that those that are not named are taken off.

    They are the host's, by its name, and stay when it is enrolled anew. Rollouts choose hosts by them.
    """
    return tags.put(work, id, body)
