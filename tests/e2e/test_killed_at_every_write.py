"""A full run that is killed at any of its writes is finished by the next one: nothing is half done, left over or lost.

The agent is a real one, and strace(1) kills it just before the call that would have changed something: those of its
acceptance of a target, of its run over resources of many types, and of its own notes. A sample of the calls in every
run of the tests; each of them in `just soak`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from schema.protocol.messages import Target
from schema.protocol.reports import RunStatus, Trigger
from schema.time import DAY
from tests.factories.agents import enrolled
from tests.factories.archives import tar
from tests.factories.gateway import Authority
from tests.factories.kills import Settings, chosen, killing, needs_strace
from tests.factories.targets import Signer, raw

UNSTABLE = r"/(passwd|group|shadow|gshadow|subuid|subgid)-$|/\.pwd\.lock$|/etc/mtab$"
TOOL = {"bin/tool": {"data": b"#!/bin/sh\n" * 40, "mode": 0o755}, "share/of/tool": b"one" * 5_000, "README": b"first"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxd85NK7XkyAB0C5GpthCnfzOx3k3fdjT1ziRFLQqDR jane@laptop"


def before(root: Path) -> None:
    """What stands there before any agent."""
    for path, text in {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nweb:x:990:991:Web:/srv:/usr/sbin/nologin\n",
        "etc/group": "root:x:0:\nweb:x:991:\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/kept.conf": "by hand\n",
        "etc/edited.conf": "alpha = 1\nbeta = 2\n",
        "etc/blocks.conf": "first\nlast\n",
        "etc/app.ini": "[main]\nlevel = low\n[other]\nx = 1\n",
        "etc/app.json": '{"level": 1, "more": {"a": 1}}\n',
        "etc/app.yaml": "# kept\nlevel: 1\nmore: {a: 1}\n",
        "etc/app.toml": "# kept\nlevel = 1\n",
        "srv/store/stray": "not ours\n",
        "srv/store/below/stray": "not ours\n",
        "srv/tree/one/two": "x" * 3000,
        "srv/target": "of two names\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def resources(generation: int) -> list[dict[str, Any]]:
    """Of many types; every one of them has something to do in the second generation."""
    first = generation == 1
    made: list[dict[str, Any]] = [
        {"name": "plain", "type": "file", "path": "/etc/plain", "content": f"generation {generation}\n" * 400},
        {"name": "mode", "type": "file", "path": "/etc/mode", "content": "same\n", "mode": "0644" if first else "0600"},
        {"name": "kept", "type": "file", "path": "/etc/kept.conf", "content": f"{generation}\n", "backup": True},
        {"name": "below", "type": "directory", "path": "/srv/made/far/below", "mode": "0755" if first else "0750"},
        {"name": "link", "type": "symlink", "path": "/etc/link", "target": f"/etc/{'plain' if first else 'mode'}"},
        {"name": "name", "type": "hardlink", "path": "/srv/name", "target": "/srv/target" if first else "/srv/kept-target", "force": True},
        {"name": "line", "type": "file_line", "path": "/etc/edited.conf", "match": "^alpha", "line": f"alpha = {generation}0"},
        {"name": "block", "type": "blockinfile", "path": "/etc/blocks.conf", "block": f"generation {generation}\n"},
        {"name": "ini", "type": "ini", "path": "/etc/app.ini", "section": "main", "option": "level", "value": f"{generation}"},
        {"name": "json", "type": "json_file", "path": "/etc/app.json", "merge": {"level": generation, "new": [generation]}},
        {"name": "yaml", "type": "yaml_file", "path": "/etc/app.yaml", "set": {"more.a": generation}},
        {"name": "toml", "type": "toml_file", "path": "/etc/app.toml", "set": {"level": generation}},
        {"name": "replaced", "type": "replace", "path": "/etc/beta.conf", "pattern": "beta = \\d+", "replacement": f"beta = {generation}"},
        {"name": "tool", "type": "archive", "path": "/opt/tool", "source": f"files/tool{generation}.tar.gz"},
        {"name": "job", "type": "cron", "job": "nightly", "schedule": f"{generation} 2 * * *", "command": "/usr/local/bin/backup"},
        {"name": "db", "type": "host_entry", "host": "db.internal", "address": f"10.0.0.{generation}"},
        {"name": "limits", "type": "limits", "limits": "90-app", "entries": [f"app soft nofile {generation}024"]},
        {"name": "banner", "type": "banner", "banner": "issue", "content": f"generation {generation}\n"},
        {"name": "store", "type": "directory", "path": "/srv/store", "purge": not first},
    ]  # fmt: skip
    if first:
        made += [
            {"name": "goes", "type": "file", "path": "/etc/goes", "content": "for a while\n", "on_removal": "revert"},
            {"name": "returns", "type": "file", "path": "/etc/beta.conf.old", "content": "ours\n", "on_removal": "revert"},
        ]  # fmt: skip
    else:
        made += [
            {"name": "fresh", "type": "file", "path": "/srv/fresh/deep/file", "content": "new\n" * 3},
            {"name": "gone", "type": "file", "path": "/etc/unwanted", "state": "absent"},
            {"name": "tree", "type": "directory", "path": "/srv/tree", "state": "absent", "force": True},
        ]
    return made


def target(signer: Signer, generation: int, wanted: Sequence[Mapping[str, Any]]) -> Target:
    """What a server would offer."""
    crate = signer.crate("many", wanted)
    content = {
        f"files/tool{number}.tar.gz": signer.object(
            tar({**TOOL, "README": b"of %d" % number, f"only{number}": b""}, "w:gz")
        )
        for number in (generation,)
    }
    return signer.target(
        [crate], generation=generation, catalog={"content": content}, expires=SystemClock().now() + DAY
    )


def prepared(where: Path, generations: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """A host that the first target is in force on, and what is needed to go on to the second."""
    root = where / "work" / "root"
    signer = Signer()
    state = enrolled(where / "work" / "state", Authority(), signer, gateway_url="wss://localhost:1/agent/v1", root=root)
    executor = LocalExecutor(state, RealHost(root), RealHost(root), clock=SystemClock())
    first = raw(target(signer, 1, generations[0]))
    executor.offer(first)
    for data in signer.objects.values():
        executor.store(data)
    executor.offer(first)
    report = executor.run(Trigger.ONCE)
    assert report is not None
    assert report.status is RunStatus.CONVERGED, [each for each in report.resources if each.error]
    executor.keep(report)
    executor.close()
    (where / "target").write_bytes(raw(target(signer, 2, generations[1])))
    (where / "objects").mkdir()
    for digest, data in signer.objects.items():
        (where / "objects" / digest).write_bytes(data)
    (where / "types").write_text(json.dumps(sorted({each["type"] for each in generations[1]})))
    (where / "work").rename(where / "given")


@needs_strace
def test_a_run_over_files_killed_at_any_write_is_finished_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "work" / "root"
    root.mkdir(parents=True)
    before(root)
    (root / "srv/kept-target").write_text("of two names, later\n")
    (root / "etc/beta.conf").write_text("beta = 7\n")
    (root / "etc/beta.conf.old").write_text("what was there\n")
    (root / "etc/unwanted").write_text("what nobody wants\n")
    prepared(tmp_path, [resources(1), resources(2)])
    settings = Settings(bound=[], shared=r"^/srv/(made|store|tree)|^/opt/tool$", unstable=UNSTABLE)
    (tmp_path / "settings").write_text(json.dumps(settings))
    with killing(tmp_path) as lives:
        points = lives.points()
        assert len(points) > 200
        tried = chosen(points, 24)
        found = {point: lives.killed_at(point) for point in tried}
    assert {f"{name} {number}": told.complaints for (name, number), told in found.items() if told.complaints} == {}
    assert all(told.ended == 9 for told in found.values())
