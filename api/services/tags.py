"""Tags: words that operators put on hosts, for rollouts and people to choose them by.

They are the host's, by its name: a host that is enrolled anew is still the canary that it was.
"""

from __future__ import annotations

from api.services import envoys
from api.services.work import Work
from api.storage import tags as rows
from schema.tags import HostTags, TagsUpdate


def get(work: Work, key: str) -> HostTags:
    """The tags of a host, by id or hostname.

    Raises:
        envoys.EnvoyNotFound
    """
    envoy = envoys.known(work, key)
    found = rows.of(work.session, work.project_id, [envoy.hostname])
    return HostTags(hostname=envoy.hostname, tags=list(found.get(envoy.hostname, ())))


def put(work: Work, key: str, update: TagsUpdate) -> HostTags:
    """Make these the tags of a host. What it has already is no change, and is not audited.

    Raises:
        envoys.EnvoyNotFound
    """
    before = get(work, key)
    after = HostTags(hostname=before.hostname, tags=sorted(set(update.tags)))
    if after != before:
        rows.put(work.session, work.project_id, after.hostname, after.tags)
        envoy = envoys.known(work, key)
        changed = {"hostname": after.hostname, "before": before.tags, "after": after.tags}
        work.audit("envoy.tags", "envoy", envoy.id, payload=changed)
        work.publish("envoy.tags", id=envoy.id, hostname=after.hostname)
    return after
