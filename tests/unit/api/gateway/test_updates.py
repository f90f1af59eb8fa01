"""What an agent is to become: offered to those that can, once a connection, and its bytes given to enrolled agents."""

from __future__ import annotations

import json

from schema.protocol.artifacts import AgentBuild, Kind
from schema.protocol.messages import UPDATE, Hello, Need
from schema.protocol.signed import Signed

from .conftest import Site
from .test_sessions import Run, told

MANIFEST = Signed(body="{}", key_id="a" * 64, signature="eA==")


def hello(*, sequence: int = 1, able: bool = True, returned: str = "") -> str:
    build = AgentBuild(
        kind=Kind.ZIPAPP, arch="x86_64", libc="glibc", python="3.11", sequence=sequence, returned=returned
    )
    return Hello(protocols=[1], agent_version="1", capabilities=[UPDATE] if able else [], build=build).model_dump_json()


async def types(site: Site, said: str) -> list[str]:
    """What the server says to this greeting, up to an answer to a question."""
    web = site.enrol()
    found = []
    async with site.connect(web) as socket:
        await socket.send(said)
        await socket.send(Need(sha256=[]).model_dump_json())
        while not found or found[-1] != "objects":
            answer = await told(socket)
            found.append(str(answer["type"]))
            if answer["type"] == "update":
                assert answer["manifest"] == json.loads(MANIFEST.model_dump_json())
    return found


def test_a_newer_build_is_offered_behind_the_welcome_to_agents_that_can(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        site.fleet.update, site.fleet.update_sequence = MANIFEST, 5
        assert await types(site, hello()) == ["welcome", "update", "objects"]
        assert await types(site, hello(sequence=5)) == ["welcome", "objects"]
        assert await types(site, hello(able=False)) == ["welcome", "objects"]
        site.fleet.update = None
        assert await types(site, hello()) == ["welcome", "objects"]

    run_with_gateway(story)


def test_a_version_that_was_taken_back_is_put_on_record(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        await types(site, hello(returned="1.2.0-abc"))
        assert [(action, details["version"]) for action, _, details in site.fleet.notes if "update" in action] == [
            ("envoy.update_returned", "1.2.0-abc")
        ]

    run_with_gateway(story)
