"""What a host is to run for a health check reaches it if it is there and knows how; what it says reaches who asked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schema.protocol.messages import AGENT_MESSAGE, APPROVAL, PROBE, Need, Probe, Probed
from schema.protocol.signed import Signed

from .conftest import Site
from .test_sessions import Run, told

ORDER = Signed(body="{}", key_id="0" * 64, signature="none")


def test_a_probe_reaches_who_is_connected_and_knows_it(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        able, old, away = (site.enrol(f"{name}.example.com") for name in ("able", "old", "away"))
        probe = Probe(id="1.2", order=ORDER)
        async with site.welcomed(able, capabilities=[PROBE, APPROVAL]) as one, site.welcomed(old) as other:
            assert site.gateway is not None
            asked = [site.gateway.probe(each.peer.envoy_id, probe) for each in (able, old, away)]
            assert asked == [True, False, None]
            assert [site.gateway.pinned(each.peer.envoy_id) for each in (able, old, away)] == [True, False, False]
            assert await told(one) == probe.model_dump(mode="json", exclude_none=True)
            await other.send(Need(sha256=[]).model_dump_json())
            assert (await told(other))["type"] == "objects"
            said = Probed(id="1.2", outcome="failed", code=3, output="inactive")
            await one.send(said.model_dump_json())
            await one.send(Need(sha256=[]).model_dump_json())
            assert (await told(one))["type"] == "objects"
            assert site.fleet.answers == [(able.peer.envoy_id, said)]

    run_with_gateway(story)


@pytest.mark.parametrize("code", [256, -(2**31) - 1, 10**40])
def test_an_exit_code_that_no_program_has_is_no_answer(code: int) -> None:
    # It would be on record with the rollout, where 32 bits are all that GraphQL can say.
    with pytest.raises(ValidationError):
        AGENT_MESSAGE.validate_json(f'{{"type": "probed", "id": "1", "outcome": "failed", "code": {code}}}')
