"""A check that an operator asks for reaches the agents that are connected and know what it is, and nobody else."""

from __future__ import annotations

from schema.protocol.messages import CHECK, Need

from .conftest import Site
from .test_sessions import Run, told


def test_a_check_reaches_who_is_connected_and_knows_it(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        able, old, away = (site.enrol(f"{name}.example.com") for name in ("able", "old", "away"))
        async with site.welcomed(able, capabilities=[CHECK]) as one, site.welcomed(old) as other:
            everyone = [each.peer.envoy_id for each in (able, old, away)]
            assert site.gateway.check(everyone, within_s=60.0) == 1
            assert await told(one) == {"type": "check", "within_s": 60.0}
            await other.send(Need(sha256=[]).model_dump_json())
            assert (await told(other))["type"] == "objects"
            assert site.gateway.check([away.peer.envoy_id], within_s=0.0) == 0
            assert site.gateway.counts()["checks_asked"] == 1

    run_with_gateway(story)
