"""An agent that is killed at any moment: its next run finishes what was begun, and nothing is left lying about."""

from __future__ import annotations

import random

from tests.e2e.site import Site, until

FILES = 300


def test_a_killed_agent_finishes_with_its_next_run(site: Site) -> None:
    resources = "".join(
        f"""
  - name: f{number}
    type: file
    path: /etc/many/{number}
    mode: "0640"
    content: "generation {{{{ vars.generation }}}} of {number}\\n"
    depends_on: [many]"""
        for number in range(FILES)
    )
    crate = (
        "name: motd\nvars: {generation: %d}\nresources:\n  - {name: many, type: directory, path: /etc/many}" + resources
    )
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    web = site.agent("web01.example.com").joined()
    site.converged(web)
    for generation in range(1, 4):
        commit = site.commit({"configcrates/motd.vgo": crate % generation}, f"generation {generation}")
        site.in_force(commit)
        wanted = f"generation {generation} of 0\n"
        until("it has begun", lambda wanted=wanted: web.read("/etc/many/0") == wanted)
        assert web.process is not None
        for _ in range(chance.randrange(1, 3)):
            until("it runs", lambda: web.process is not None and web.process.code is None)
            web.process.kill()
            web.process.wait()
            web.run()
    site.converged(web, commit)
    found = {path.name: path.read_text() for path in web.path("/etc/many").iterdir()}
    assert found == {str(number): f"generation 3 of {number}\n" for number in range(FILES)}
    assert {path.stat().st_mode & 0o777 for path in web.path("/etc/many").iterdir()} == {0o640}
    reports = [run["id"] for run in site.runs(web.hostname)]
    assert len(reports) == len(set(reports))
    # What the crate made before is in its catalog no more: it is kept, as is the default.
    assert web.read("/etc/site/motd") == "hello from web01.example.com\n"
