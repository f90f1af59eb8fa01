"""`vigo rollout`: how a change reaches the hosts, wave by wave, and what people may do about it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from api.cli import output, rollout_plan
from api.cli.client import Client, connected
from api.cli.exits import Problem
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="How a change reaches the hosts, wave by wave.")
app.command()(rollout_plan.plan)

LOOK_S: Final = 1.0
HEEDED_S: Final = 2.0
"""How long what somebody asked for is waited for, before the rollout is shown as it is."""
RUNNING: Final = frozenset({"planned", "awaiting_approval", "running", "paused", "reverting"})
Number = Annotated[int | None, typer.Argument(metavar="[ROLLOUT]", help="Its number; the newest when not given.")]


@app.command()
@connected
def status(
    client: Client,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on telling until the rollout is over.")] = False,
    json_: Json = False,
) -> None:
    """Show how far the newest rollout is."""
    found = _newest(client)
    if json_:
        output.emit_json(found)
        return
    _show(found)
    while watch and found["state"] in RUNNING:
        time.sleep(LOOK_S)
        before, found = found, client.get(f"/api/v1/rollouts/{found['id']}")
        if _told(found) != _told(before):
            _show(found)


@app.command()
@connected
def show(client: Client, rollout: Number = None, *, json_: Json = False) -> None:
    """Show a rollout: its waves, who failed, and in what."""
    found = _find(client, rollout)
    if json_:
        output.emit_json(found)
        return
    _show(found, hosts=True)


@app.command()
@connected
def approve(
    client: Client,
    rollout: Number = None,
    *,
    wave: Annotated[str | None, typer.Option(metavar="WAVE", help="This wave alone, by its name or number.")] = None,
) -> None:
    """Approve a plan, or a wave of it, exactly as it is now."""
    found = _find(client, rollout)
    query = f"plan_root={found['plan_root']}" + (f"&wave={_index(found, wave)}" if wave is not None else "")
    _show(_taken(client, client.post(f"/api/v1/rollouts/{found['id']}/approve?{query}", {})))


@app.command()
@connected
def pause(client: Client, rollout: Number = None) -> None:
    """Release nobody further until it is resumed."""
    _act(client, rollout, "pause")


@app.command()
@connected
def resume(client: Client, rollout: Number = None) -> None:
    """Go on with a rollout that was paused."""
    _act(client, rollout, "resume")


@app.command()
@connected
def cancel(client: Client, rollout: Number = None) -> None:
    """Release nobody further; who was released stays there until the next commit."""
    _act(client, rollout, "cancel")


@app.command()
@connected
def retry(client: Client, rollout: Number = None) -> None:
    """Try again what failed."""
    _act(client, rollout, "retry")


@app.command("promote-wave")
@connected
def promote_wave(
    client: Client,
    wave: Annotated[str, typer.Argument(metavar="WAVE", help="Its name or number.")],
    rollout: Number = None,
) -> None:
    """Let a wave be through now, without waiting further."""
    found = _find(client, rollout)
    path = f"/api/v1/rollouts/{found['id']}/promote-wave?wave={_index(found, wave)}"
    _show(_taken(client, client.post(path, {})))


def _act(client: Client, rollout: int | None, what: str) -> None:
    found = _find(client, rollout)
    _show(_taken(client, client.post(f"/api/v1/rollouts/{found['id']}/{what}", {})))


def _taken(client: Client, asked: dict[str, Any]) -> dict[str, Any]:
    """The rollout once it has heeded what was asked of it; as it is, where that changes nothing or takes longer."""
    found = asked
    until = time.monotonic() + HEEDED_S
    while _told(found) == _told(asked) and time.monotonic() < until:
        time.sleep(HEEDED_S / 10)
        found = client.get(f"/api/v1/rollouts/{asked['id']}")
    return found


def _index(rollout: Mapping[str, Any], wave: str) -> int:
    """The index of the wave of a name, or of a number as `vigo rollout status` shows it."""
    names = {name: index for index, name in _names(rollout).items()}
    if wave in names:
        return names[wave]
    if wave.isascii() and wave.isdigit() and len(wave) < 5:
        return int(wave)
    raise Problem(f"there is no wave {wave}", hint=f"there are {', '.join(names)}" if names else "")


def _names(rollout: Mapping[str, Any]) -> dict[int, str]:
    planned = (rollout.get("plan") or {}).get("waves", ())
    named = {wave["index"]: wave["name"] for wave in [*rollout["progress"]["waves"], *planned] if wave.get("name")}
    return {wave["index"]: named.get(wave["index"], "all") for wave in rollout["progress"]["waves"]}


def _find(client: Client, number: int | None) -> dict[str, Any]:
    found: dict[str, Any] = _newest(client) if number is None else client.get(f"/api/v1/rollouts/{number}")
    return found


def _newest(client: Client) -> dict[str, Any]:
    listed = client.get("/api/v1/rollouts?limit=1")["rollouts"]
    if not listed:
        raise Problem("nothing has been rolled out yet", hint="push a commit")
    found: dict[str, Any] = client.get(f"/api/v1/rollouts/{listed[0]['id']}")
    return found


def _told(rollout: Mapping[str, Any]) -> list[str]:
    said = f"rollout {rollout['id']}  {rollout['commit'][:12]}  {_state(rollout)}"
    lines = [said + (f"  {rollout['why']}" if rollout["why"] else "")]
    names = _names(rollout)
    for wave in rollout["progress"]["waves"]:
        counts = [f"{wave['healthy']} of {wave['hosts']} healthy"]
        named = ("checking", "failed", "silent", "offline", "held")
        counts += [f"{wave[name]} {name}" for name in named if wave.get(name)]
        waiting = wave["released"] - wave["healthy"] - wave.get("checking", 0) - wave["failed"] - wave["silent"]
        counts += [f"{waiting} at it"] if waiting > 0 and wave["state"] == "running" else []
        name, state = names[wave["index"]], wave["state"].replace("_", " ")
        lines.append(f"  {wave['index']}  {name}  {state}  {', '.join(counts)}  {wave['why']}".rstrip())
    return lines


def _state(rollout: Mapping[str, Any]) -> str:
    asked = rollout["asked"]
    if asked["cancelled"] and rollout["state"] in RUNNING:
        return "cancelled"
    return "paused" if asked["paused"] and rollout["state"] in RUNNING else str(rollout["state"]).replace("_", " ")


def _show(rollout: Mapping[str, Any], *, hosts: bool = False) -> None:
    for line in _told(rollout):
        output.line(output.visible(line))
    failures = rollout["progress"]["failures"]
    for failure in failures if hosts else failures[:5]:
        output.line(output.visible(f"  {failure['hostname']}: {failure['why']}"))
        for said in (failure.get("check") or {}).get("output", "").splitlines():
            output.line(output.visible(f"    {said}"))
        for resource in failure["resources"]:
            output.line(output.visible(f"    {resource['id']}: {resource['message']}"))
        if failure["resources_left_out"]:
            output.line(f"    and {failure['resources_left_out']} more resources")
    left = rollout["progress"]["failures_left_out"] + (0 if hosts else max(0, len(failures) - 5))
    if left:
        output.line(f"  and {left} more hosts")
    for violation in (rollout.get("plan") or {}).get("violations", ())[:5]:
        rollout_plan.show_violation(violation)
