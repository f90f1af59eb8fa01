"""The load generator's hosts take any config, as an operator's own server has it."""

from __future__ import annotations

from schema.protocol.reports import RunStatus, Trigger
from tests.factories.targets import Signer, raw
from tests.load.hosts import Executor, Identity

FOREVER = 4_000_000_000_000_000


def test_resources_of_any_type_are_held_and_then_found_right() -> None:
    signer = Signer()
    identity = Identity(signer.envoy_id, signer.project, "load-0.load.example.com", "", "", "seed")
    executor = Executor(identity, signer.key.public_key())
    crate = signer.crate(
        "site",
        [
            {"name": "dir", "type": "directory", "path": "/etc/site"},
            {"name": "motd", "type": "file", "path": "/etc/site/motd", "content": "hello"},
            {"name": "ssh", "type": "service", "service": "sshd", "state": "running"},
        ],
    )
    target = raw(signer.target([crate], expires=FOREVER))
    assert executor.offer(target).outcome == "incomplete"
    for data in signer.objects.values():
        assert executor.store(data).ok
    assert executor.offer(target).outcome == "accepted"
    first = executor.converge(Trigger.APPLY).conclude()
    again = executor.converge(Trigger.INTERVAL).conclude()
    assert (first.status, first.changed) == (RunStatus.CONVERGED, 3)
    assert (again.status, again.changed) == (RunStatus.CONVERGED, 0)
