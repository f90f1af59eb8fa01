"""`vigo why`, `vigo diff`, `vigo coverage`: where a host's config comes from, line by line, and which lines matter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli import local, output, validate
from api.cli.client import Client, connected
from api.cli.exits import Exit, Problem
from api.cli.options import AsOf, Json, Repo, Rev, one_source

if TYPE_CHECKING:
    from pydantic import BaseModel

    from reconciler.graph import Graph
    from schema.explanations import Causes, Explanation

MAX_TRAITS_BYTES: Final = 1024 * 1024
MAX_HOSTS_BYTES: Final = 64 * 1024 * 1024
LONGEST_VALUE: Final = 60
_BEFORE: Final = 12
"""Characters that are shown of what two long values have in common."""
MOST_EXPLAINED: Final = 20
"""Differences that are shown under one cause, unless all are asked for."""

Traits = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --repo: the host's traits, as JSON; conditions are judged by them."),
]


@connected
def why(
    client: Client,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The host's name; it need not be enrolled.")],
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="nginx/reload, package:nginx, /etc/motd, ssh.port, ssh.port=22, or the name of a crate, role, "
            "environment or usercrate; crate:, var:, role: and so on say which.",
        ),
    ],
    *,
    repo: Repo = None,
    rev: Rev = None,
    as_of: AsOf = None,
    traits: Traits = None,
    json_: Json = False,
) -> None:
    """Show which lines give a host something, or the first one that keeps it out.

    Ends 0 when the host has it, or has it if a condition holds that only the host can tell; 1 when it has it not.
    """
    one_source(repo, rev, as_of)
    if repo is None:
        _only_here(traits, "--traits")
        found = client.get("/api/v1/config/why", hostname=host, subject=subject, asOf=as_of)
    else:
        from reconciler import explanations

        if explanations.names_nothing(subject):
            raise Problem("name a resource, var, crate, role, environment or usercrate")
        answer = explanations.why(_graph(repo, rev), host, subject, traits=_traits(traits))
        found = _dated(repo, answer)
    if json_:
        output.emit_json(found)
    else:
        _show_why(found)
    if found["presence"] == "absent":
        raise typer.Exit(Exit.ERROR)


@connected
def diff(
    client: Client,
    host: Annotated[str, typer.Argument(metavar="HOST", help="One host.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other host; or the same, in another revision.")],
    *,
    repo: Repo = None,
    rev: Rev = None,
    other_rev: Annotated[
        str | None, typer.Option(metavar="REV", help="With --repo: the other host's revision; else as --rev.")
    ] = None,
    as_of: AsOf = None,
    other_as_of: Annotated[
        str | None, typer.Option(metavar="REV", help="The revision of the other host; else as --as-of.")
    ] = None,
    traits: Traits = None,
    other_traits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --repo: the other host's traits, as JSON.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all that each cause explains.")] = False,
    json_: Json = False,
) -> None:
    """Show why two hosts differ: the fewest lines and traits that explain every difference.

    Ends 0 whether or not they differ.
    """
    one_source(repo, rev or other_rev, as_of or other_as_of)
    if repo is None:
        _only_here(traits or other_traits, "--traits")
        found = client.get("/api/v1/config/diff", hostname=host, other=other, asOf=as_of, otherAsOf=other_as_of)
    else:
        from reconciler import explanations

        one = _graph(repo, rev)
        second = one if other_rev in (None, rev) else _graph(repo, other_rev)
        answer = explanations.causes(
            explanations.Host(one, host, _traits(traits)), explanations.Host(second, other, _traits(other_traits))
        )
        found = _dated(repo, answer)
    if json_:
        output.emit_json(found)
    else:
        _show_diff(found, everything=everything)


@connected
def coverage(
    client: Client,
    *,
    repo: Repo = None,
    rev: Rev = None,
    as_of: AsOf = None,
    hosts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --repo: the hosts there are, one a line; else each match block stands for one."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """List lines that matter to no host or to one alone, and what nothing uses.

    The server answers for the hosts that are enrolled. Ends 0 whatever is found.
    """
    one_source(repo, rev, as_of)
    if repo is None:
        _only_here(hosts, "--hosts")
        found = client.get("/api/v1/config/coverage", asOf=as_of)
    else:
        from reconciler import explanations

        names = _read(hosts, MAX_HOSTS_BYTES).split() if hosts is not None else None
        found = _plain(explanations.coverage(_graph(repo, rev), names))
    if json_:
        output.emit_json(found)
    else:
        _show_coverage(found)


# where answers come from


def _graph(repo: Path, rev: str | None) -> Graph:
    return local.compiled(local.open_tree(repo, rev=rev))


def _plain(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json")


def _dated(repo: Path, answer: Explanation | Causes) -> dict[str, Any]:
    """The answer as JSON, with the commits behind its lines where it is about a commit."""
    from reconciler.explanations import blaming

    if blaming.lines(answer):
        blaming.blame(answer, local.history(repo))
    return _plain(answer)


def _only_here(given: object, option: str) -> None:
    if given is not None:
        raise typer.BadParameter(f"{option} goes with --repo; the server knows its own hosts")


def _traits(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        found = json.loads(_read(path, MAX_TRAITS_BYTES))
    except ValueError as error:
        raise Problem(f"{path} is not JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("traits"), dict):
        found = found["traits"]  # as the API gives them
    if not isinstance(found, dict):
        raise Problem(f"{path} holds no traits: they are a map")
    return found


def _read(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise Problem(f"{path} has more than {limit} bytes")
    return data.decode("utf-8", "replace")


# what people read


def _show_why(found: dict[str, Any]) -> None:
    absent = found["presence"] == "absent"
    output.line(output.visible(found["summary"]), tone="bold")
    output.line()
    chain = found["chain"]
    if chain and found.get("kept_out") and chain[-1].get("at") == found["kept_out"].get("at"):
        chain = chain[:-1]  # the clause itself says it better
    for link in chain:
        _show_link(link)
    if found.get("kept_out"):
        _show_link(found["kept_out"], mark="but " if absent and chain else "")
    for what, tell in (("layers", _show_layers), ("instead", _show_instead)):
        if found.get(what):
            tell(found[what])
    if "value" in found:
        output.line(output.visible(f"value: {_short(found['value'], longest=400)}"))
    if found.get("depends_on"):
        output.note(f"not known here: {', '.join(found['depends_on'])}")
    if found.get("hint"):
        output.line(f"{typer.style('hint:', fg='cyan')} {output.visible(found['hint'])}")
    if found.get("also"):
        output.note(f"there is also {', '.join(found['also'])}")
    if found.get("left_out"):
        output.note(f"{found['left_out']} more places are not listed")


def _show_link(link: dict[str, Any], mark: str = "") -> None:
    at = link.get("at")
    text = output.visible(f"{mark}{link['text']}")
    if at is None:
        output.line(text)
        return
    place = typer.style(output.visible(f"{at['file']}:{at['line']}:{at['column']}:"), bold=True)
    output.line(f"{place} {text}")
    validate.pointed(at["source"], at["line"], at["column"])
    _show_blame(at)


def _show_blame(at: dict[str, Any]) -> None:
    blame = at.get("blame")
    if blame:
        said = f"{blame['commit'][:12]} {blame['time'][:10]} {blame['author']}: {blame['summary']}"
        output.line(f"     {typer.style('=', fg='cyan')} {output.visible(said)}")


def _show_layers(layers: list[dict[str, Any]]) -> None:
    if len(layers) < 2:
        return
    rows = [
        (
            layer["source"],
            layer["effect"],
            _short(layer["value"]),
            ", ".join(layer.get("keys") or ()) or ("all of it" if layer["wins"] else ""),
            f"{layer['at']['file']}:{layer['at']['line']}",
        )
        for layer in layers
    ]
    output.line()
    output.table(("layer, weak to strong", "effect", "value", "in force", "written at"), rows)


def _show_instead(links: list[dict[str, Any]]) -> None:
    output.line()
    output.line("elsewhere:")
    for link in links:
        at = link["at"]
        output.line(output.visible(f"  {at['file']}:{at['line']}:{at['column']}: {link['text']}"))


def _show_diff(found: dict[str, Any], *, everything: bool) -> None:
    one, other = (found[side]["hostname"] for side in ("one", "other"))
    for side in ("one", "other"):
        if found[side].get("match_pattern") is None:
            output.note(f"no match block applies to {found[side]['hostname']}")
    if found["alike"]:
        output.line(output.visible(f"{one} and {other} are alike, as far as is known"), tone="bold")
    else:
        fewest = "the fewest" if found["smallest"] else "few"
        count = f"{found['differences']} differences, {len(found['causes'])} causes ({fewest} that explain them all)"
        output.line(output.visible(f"{one} and {other}: {count}"), tone="bold")
    for cause in found["causes"]:
        output.line()
        _show_cause(cause)
        shown = cause["explains"] if everything else cause["explains"][:MOST_EXPLAINED]
        for each in shown:
            output.line(output.visible(f"       {_difference(each)}"))
        more = len(cause["explains"]) - len(shown) + cause.get("left_out", 0)
        if more:
            output.line(f"       and {more} more")
    if found.get("undecided"):
        output.note(f"they may also differ by what is not known here: {', '.join(found['undecided'])}")
    if found.get("left_out"):
        output.note(f"{found['left_out']} more differences are not listed")


def _show_cause(cause: dict[str, Any]) -> None:
    text = cause["text"]
    if "one" in cause or "other" in cause:
        text += f": {_short(cause.get('one'))}, {_short(cause.get('other'))}"
    _show_link({"at": cause.get("at"), "text": text})
    if cause.get("other_at"):
        _show_link({"at": cause["other_at"], "text": "in the other's revision"})


def _difference(each: dict[str, Any]) -> str:
    said = f"{each['kind']} {each['name']}"
    if each.get("keys"):
        said += f" ({', '.join(each['keys'])})"
    if each["kind"] in ("var", "environment"):
        one, other = _apart(each.get("one"), each.get("other"))
        said += f": {one} | {other}"
    elif "one" in each or "other" in each:
        said += f": {_has(each.get('one'))} | {_has(each.get('other'))}"
    return said


def _apart(one: object, other: object) -> tuple[str, str]:
    """Two values, cut so that where they begin to differ is seen."""
    texts = [json.dumps(value, ensure_ascii=False) for value in (one, other)]
    shorter = min(map(len, texts))
    same = next((at for at, (mine, theirs) in enumerate(zip(*texts, strict=False)) if mine != theirs), shorter)
    if None in (one, other) or same < LONGEST_VALUE // 2:
        return _short(one), _short(other)
    start = same - _BEFORE
    first, second = (_cut(f"…{text[start:]}") for text in texts)
    return first, second


def _has(value: object) -> str:
    return "-" if value is None else "yes" if value is True else str(value)


def _show_coverage(found: dict[str, Any]) -> None:
    output.table(
        ("finding", "what", "name", "from", "at", "because of"),
        [
            (
                each["finding"],
                each["about"],
                each["name"],
                each["source"] if each["source"] != each["at"]["file"] else "",
                f"{each['at']['file']}:{each['at']['line']}",
                each.get("host") or each.get("by") or "",
            )
            for each in found["found"]
        ],
        empty="every line matters to more than one host",
    )
    basis = "hosts" if found["basis"] == "hosts" else "match blocks"
    counts = ", ".join(f"{count} {kind}" for kind, count in found["counts"].items())
    output.note(f"{found['statements']} lines held against {found['hosts']} {basis}: {counts or 'nothing found'}")
    if found["unmatched"]:
        output.note(f"no match block applies to {found['unmatched']} of the hosts")
    if found.get("left_out"):
        output.note(f"{found['left_out']} more findings are not listed")


def _short(value: object, longest: int = LONGEST_VALUE) -> str:
    if value is None:
        return "-"
    return _cut(json.dumps(value, ensure_ascii=False), longest)


def _cut(text: str, longest: int = LONGEST_VALUE) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
