"""`vigo preview`: of a repository here and of a server, for people, programs and pull requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from api.cli import preview_markdown
from reconciler.repository import write
from reconciler.repository.write import Author
from schema.previews import RevisionPreview
from tests.effort import tries
from tests.factories.previews import HOSTS, crate, preview
from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]
AUTHOR = Author("Jane", "jane@example.com")
MOTD = '{name: motd, type: file, path: /etc/motd, content: "%s {{ traits.os.version }}"}'
OLD = "{name: old, type: file, path: /etc/old, content: x}"
TEXT = """\
1 kind of change over 1 host
base   main {main}, plan root {base}
other  change {change}, plan root {other}

1. site: 1 changed, 1 removed
   1 host: web01.example.com
   ~ file /etc/motd is changed (site/motd, configcrates/site.vgo:4)
       content: a 12 → b 12
   - file /etc/old is removed (site/old, configcrates/site.vgo:5)
       what it made stays, and is no longer looked after
       content: x → nothing

2 hosts: 1 change, 0 stay as they are, 1 under no match block, something is removed on 1
"""


def files(*resources: str) -> dict[str, bytes]:
    made = {"vigo.vgo": "language: 1\n", "hosts.vgo": HOSTS, "configcrates/site.vgo": crate(*resources)}
    return {path: text.encode() for path, text in made.items()}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    git = write.init(folder / "config")
    write.commit(git, "HEAD", files(MOTD % "a", OLD), AUTHOR, "one")
    write.commit(git, "refs/heads/change", files(MOTD % "b"), AUTHOR, "two")
    write.commit(git, "refs/heads/broken", files("{type: file, pth: /x}"), AUTHOR, "three")
    (folder / "hosts.txt").write_text("# ours\nweb01.example.com\n\nDB01.example.com.  # not under a block\n")
    (folder / "traits.json").write_text(json.dumps({"web01.example.com": {"os": {"version": "12"}}}))
    return folder


def of(repo: Path, *more: str) -> list[str]:
    return ["preview", "change", "--base", "main", "--repo", str(repo / "config"), *more]


def known(repo: Path) -> list[str]:
    return ["--hosts", str(repo / "hosts.txt"), "--traits", str(repo / "traits.json")]


def test_a_branch_here_is_told_to_a_person(vigo: Vigo, repo: Path) -> None:
    ran = vigo(*of(repo, *known(repo)))
    found = json.loads(vigo(*of(repo, *known(repo), "--json")).out)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == TEXT.format(
        main=found["base"]["commit"][:12],
        base=found["base"]["plan_root"],
        change=found["other"]["commit"][:12],
        other=found["other"]["plan_root"],
    )


def test_of_several_hosts_it_is_said_whose_values_are_shown(vigo: Vigo, repo: Path, tmp_path: Path) -> None:
    told = {f"web0{number}.example.com": {"os": {"version": "12"}} for number in (1, 2)}
    (tmp_path / "traits.json").write_text(json.dumps(told))
    asked = of(repo, "--traits", str(tmp_path / "traits.json"))
    assert "   shown as it is for web01.example.com\n   ~ file /etc/motd" in vigo(*asked).out
    assert "\n# shown as it is for web01.example.com\n" in vigo(*asked, "--format", "markdown").out


def test_json_is_what_the_api_answers(vigo: Vigo, repo: Path) -> None:
    found = json.loads(vigo(*of(repo, *known(repo), "--format", "json")).out)
    assert RevisionPreview.model_validate(found).model_dump(mode="json") == found
    assert (found["kinds"], found["changed"], found["removing"], found["unmanaged"]) == (1, 1, 1, 1)


def test_without_hosts_match_blocks_stand_for_them(vigo: Vigo, repo: Path) -> None:
    found = json.loads(vigo(*of(repo, "--json")).out)
    assert (found["subject"], found["classes"][0]["hosts"]) == ("blocks", ["web*.example.com"])


def test_traits_alone_name_the_hosts_too_also_as_the_inventory_has_them(vigo: Vigo, repo: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    envoy = {"hostname": "web01.example.com", "ip_address": "", "traits": {"os": {"version": "13"}}}
    inventory.write_text(json.dumps({"count": 1, "envoys": [envoy]}))
    found = json.loads(vigo(*of(repo, "--traits", str(inventory), "--json")).out)
    content = found["classes"][0]["resources"][0]["attributes"][0]
    assert (found["hosts"], content["base"], content["other"]) == (1, "a 13", "b 13")


def test_a_what_if_is_asked_of_one_revision(vigo: Vigo, repo: Path) -> None:
    ran = vigo(
        "preview", "main", "--base", "main", "--repo", str(repo / "config"), *known(repo), "--trait", "os.version=13"
    )
    assert ran.code == 0
    assert 'what if: {"os.version": "13"}' in ran.out
    assert "content: a 12 → a 13" in ran.out


@pytest.mark.parametrize(
    ("fail_on", "branch", "code"),
    [("none", "change", 0), ("change", "change", 1), ("removal", "change", 1), ("change", "main", 0)],
)
def test_the_exit_code_is_for_ci(vigo: Vigo, repo: Path, fail_on: str, branch: str, code: int) -> None:
    ran = vigo("preview", branch, "--base", "main", "--repo", str(repo / "config"), "--fail-on", fail_on)
    assert ran.code == code
    assert ("--fail-on" in ran.err) == bool(code)


def test_a_removal_alone_is_failed_on_alone(vigo: Vigo, repo: Path) -> None:
    ran = vigo("preview", "main", "--base", "change", "--repo", str(repo / "config"), "--fail-on", "removal")
    assert ran.code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["broken", "--repo", "REPO"], 2, "resource.unknown-key"),
        (["nothing", "--repo", "REPO"], 1, "nothing"),
        (["main", "--repo", "REPO", "--trait", "os.verison=1"], 1, "did you mean os.version?"),
        (["main", "--repo", "REPO", "--hosts", "nowhere"], 1, "cannot be read"),
        (["main", "--repo", "REPO", "--traits", "HOSTS"], 1, "is not JSON"),
        (["main", "--repo", "REPO", "--configcrate", "nothing"], 1, "no configcrate nothing"),
        (["main", "--repo", "REPO", "--configcrate", "siet"], 1, "hint: did you mean site?"),
        (["main", "--hosts", "HOSTS"], 1, "go with --repo"),
        ([], 1, "name a REV"),
    ],
)
def test_what_cannot_be_previewed_is_told(vigo: Vigo, repo: Path, arguments: list[str], code: int, said: str) -> None:
    given = [each.replace("REPO", str(repo / "config")).replace("HOSTS", str(repo / "hosts.txt")) for each in arguments]
    ran = vigo("preview", *given)
    assert (ran.code, ran.out.count("kind of change")) == (code, 0)
    assert said in ran.out + ran.err


def test_a_server_is_asked_where_no_repository_is_named(connected: Vigo, server: Server, repo: Path) -> None:
    answer = json.loads(connected(*of(repo, *known(repo), "--json")).out)
    server.answers["GET /api/v1/preview"] = (200, answer)
    ran = connected("preview", "change", "--base", "main", "--trait", "os.version=13", "--trait", "os.id=x&y")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "1 kind of change over 1 host")
    assert server.requests[0].target == (
        "/api/v1/preview?rev=change&base=main&trait=os.version%3D13&trait=os.id%3Dx%26y"
    )


def test_a_revision_that_a_server_finds_invalid_ends_2(connected: Vigo, server: Server) -> None:
    refusal = {
        "message": "commit abc is not valid",
        "fault": "graphs.not_valid",
        "details": {"count": 3, "commit": "abc"},
    }
    server.answers["GET /api/v1/preview"] = (409, refusal)
    ran = connected("preview", "broken")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: commit abc is not valid\nhint: 3 errors in all; `vigo validate --rev abc` shows each\n"


# Markdown


class Seen(HTMLParser):
    """The tags and the text of the HTML that a comment becomes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, str(attrs)))


def rendered(text: str) -> list[tuple[str, str]]:
    seen = Seen()
    seen.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    return seen.tags


def test_a_comment_is_folded_into_classes(vigo: Vigo, repo: Path) -> None:
    text = vigo(*of(repo, *known(repo), "--format", "markdown")).out
    assert text.startswith("### Vigo preview: 1 kind of change over 1 host\n")
    assert text.count("<details>") == 1
    assert "```diff\n# 1 host: web01.example.com\n" in text
    assert "\n- content: a 12\n+ content: b 12\n" in text


hostile = st.lists(
    st.sampled_from(
        ["```", "````", "\n```\n", "</details>", "<script>", "<img src=x>", "@everyone", "![x](http://x)", "|", "\n\n# a\n",
         "`", "~~~", "</code>", "[a](javascript:b)", "\u202e", "\x1b[31m", "a", "\n", "#1", "&lt;", "\\", "\r"]
    ),
    min_size=1,
    max_size=12,
).map("".join)  # fmt: skip


def tainted(value: Any, text: str) -> Any:
    """The same, with this text wherever text of a branch may stand."""
    if isinstance(value, str):
        return value + text
    if isinstance(value, list):
        return [tainted(item, text) for item in value]
    if isinstance(value, dict):
        kept = {"certainty", "membership", "action"}
        return {key: item if key in kept else tainted(item, text) for key, item in value.items()}
    return value


@cache
def plain() -> dict[str, Any]:
    """A preview of one class with something of everything."""
    reload = "{name: reload, type: service, service: nginx, state: reloaded}"
    lines = '{name: motd, type: file, path: /etc/motd, content: "%s\\ntwo\\n", mode: "0644", notify: [reload]}'
    base = {"hosts.vgo": HOSTS, "configcrates/site.vgo": crate(lines % "a", OLD, reload)}
    other = {**base, "configcrates/site.vgo": crate(lines % "b", reload), "common.vgo": "vars: {v: 1}\n"}
    return preview(base, other).model_dump(mode="json")


@settings(max_examples=tries(50))
@given(hostile, hostile)
def test_nothing_of_a_branch_acts_in_a_comment(one: str, two: str) -> None:
    found = copy.deepcopy(plain())
    found["classes"] = [tainted(found["classes"][0], one), tainted(found["classes"][0], two)]
    found["other"]["rev"], found["traits"] = two, {"os.version": one}
    tags = rendered(preview_markdown.written(found))
    assert {tag for tag, _ in tags} <= {
        "h3", "table", "thead", "tbody", "tr", "th", "td", "code", "p", "details", "summary", "pre", "blockquote",
    }  # fmt: skip
    assert all(said in ("[]", "[('class', 'language-diff')]") for _, said in tags)
    assert sum(tag == "details" for tag, _ in tags) == sum(tag == "pre" for tag, _ in tags) == 2
    assert sum(tag == "tr" for tag, _ in tags) == 3


def test_a_comment_is_never_longer_than_it_may_be() -> None:
    def of(word: str) -> dict[str, str]:
        hosts = "".join(
            f"  - {{match: h{n}.example.com, configcrates: [site], vars: {{n: {n}}}}}\n" for n in range(150)
        )
        line = f"{word} {{{{ vars.n }}}} " + "x" * 150 + "\\n"
        motd = '{name: motd, type: file, path: /etc/motd, content: "%s"}' % (line * 20)
        return {"hosts.vgo": f"envoys:\n{hosts}", "configcrates/site.vgo": crate(motd)}

    found: dict[str, Any] = preview(of("a"), of("b"), [f"h{n}.example.com" for n in range(150)]).model_dump(mode="json")
    text = preview_markdown.written(found)
    assert len(found["classes"]) == 150
    assert preview_markdown.MAX_COMMENT * 0.8 < len(text) <= preview_markdown.MAX_COMMENT
    assert text.count("<details>") == text.count("</details>") < 150
    assert "more kinds of change do not fit here" in text
