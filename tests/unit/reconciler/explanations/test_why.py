"""Why, and why not: what each chain ends in, and the first clause of each absence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import explanations
from reconciler import graph as graphs
from reconciler.explanations.overlay import leaves, overlaid, word_on
from reconciler.graph import Graph
from schema.explanations import Effect, Explanation, LinkKind, Presence, Reason, SubjectKind
from schema.merging import merge, settle
from tests.effort import tries
from tests.factories.trees import tree
from tests.strategies.configs import CRATES, HOSTS, ROLES, configs
from tests.unit.reconciler.explanations.conftest import Why, compiled

WEB = "web01.example.com"
OTHER = "web02.example.com"
LAB = "box.lab.example.com"
DEBIAN = {"os": {"family": "debian"}, "hardware": {"container": False}}


def steps(found: Explanation) -> list[tuple[str, str, int]]:
    return [(link.kind.value, link.at.file, link.at.line) for link in found.chain if link.at]


# What is there.


def test_a_crate_leads_from_the_block_through_roles_to_its_file(why: Why) -> None:
    found = why(WEB, "sshd")
    assert (found.kind, found.presence, found.reason) == (SubjectKind.CRATE, Presence.PRESENT, None)
    assert steps(found) == [
        ("match", "prod/web.vgo", 2),
        ("role", "prod/web.vgo", 4),
        ("role", "roles.vgo", 4),
        ("list", "roles.vgo", 2),
        ("declare", "configcrates/sshd.vgo", 1),
    ]
    assert [link.text for link in found.chain][1:4] == [
        "the block gives role web",
        "role web includes base",
        "role base lists sshd",
    ]
    assert found.chain[3].at is not None
    assert found.chain[3].at.source == "  base: {configcrates: [sshd, telnet], vars: {allow+: [b]}}"
    assert found.chain[3].at.source[found.chain[3].at.column - 1 :].startswith("sshd")


def test_an_inherited_crate_names_the_level(why: Why) -> None:
    found = why(WEB, "motd")
    assert steps(found)[1] == ("inherit", "common.vgo", 1)
    assert found.chain[1].text == "common.vgo, inherited by every host, lists motd"


def test_a_var_shows_every_layer_from_weak_to_strong(why: Why) -> None:
    found = why(WEB, "dns")
    assert (found.value, found.presence) == ("10.0.0.1", Presence.PRESENT)
    assert found.layers is not None
    assert [(each.source, each.effect, each.wins, each.at.line) for each in found.layers] == [
        ("common.vgo", Effect.SETS, False, 3),
        ("prod/common.vgo", Effect.REPLACES, True, 1),
    ]
    assert steps(found)[-1] == ("write", "prod/common.vgo", 1)


def test_a_merged_var_says_which_keys_are_whose(why: Why) -> None:
    found = why(WEB, "ssh")
    assert found.value == {"port": 22, "idle": 60}
    assert found.layers is not None
    assert [(each.effect, each.wins, each.keys) for each in found.layers] == [
        (Effect.SETS, True, ["port"]),
        (Effect.MERGES, True, ["idle"]),
    ]
    dotted = why(WEB, "ssh.idle")
    assert dotted.layers is not None
    assert [(each.effect, each.wins) for each in dotted.layers] == [(Effect.SETS, False), (Effect.REPLACES, True)]


def test_an_appended_list_is_of_all_who_wrote_it(why: Why) -> None:
    found = why(WEB, "allow")
    assert found.value == ["a", "b"]
    assert found.layers is not None
    assert [(each.source, each.effect, each.wins) for each in found.layers] == [
        ("common.vgo", Effect.SETS, True),
        ("role:web", Effect.APPENDS, True),
    ]
    assert found.chain[-1].kind is LinkKind.APPEND


def test_a_crates_default_is_seen_by_it_alone(why: Why) -> None:
    found = why(WEB, "workers")
    assert (found.value, found.presence) == (2, Presence.PRESENT)
    assert steps(found)[-2:] == [("declare", "configcrates/nginx.vgo", 1), ("write", "configcrates/nginx.vgo", 2)]
    overridden = why(WEB, "vhosts")
    assert overridden.layers is not None
    assert [(each.source, each.wins) for each in overridden.layers] == [
        ("configcrate:nginx", False),
        ("match-block", True),
    ]


def test_a_resource_is_found_by_name_and_by_what_it_is_about(why: Why) -> None:
    by_name = why(WEB, "motd/motd")
    assert steps(by_name)[-1] == ("declare", "configcrates/motd.vgo", 3)
    for subject in ("/etc/motd", "path:/etc/motd", "file:/etc/motd"):
        found = why(WEB, subject)
        assert (found.name, found.presence, found.chain) == ("motd/motd", Presence.PRESENT, by_name.chain)


def test_a_rendered_identity_is_found_too(why: Why) -> None:
    found = why(WEB, "/srv/shop")
    assert (found.name, found.presence) == ("nginx/vhosts", Presence.PRESENT)
    assert found.chain[-2].text == "nginx/vhosts is for each of vars.vhosts: 2 of them"
    assert why(WEB, "/srv/none").reason is Reason.UNKNOWN_NAME


def test_roles_and_environments_have_reasons_too(why: Why) -> None:
    assert steps(why(WEB, "role:base"))[-1] == ("role", "roles.vgo", 4)
    assert steps(why(WEB, "production")) == [
        ("match", "prod/web.vgo", 2),
        ("environment", "prod/web.vgo", 3),
        ("environment", "environments.vgo", 2),
    ]


def test_traits_decide_a_condition(why: Why) -> None:
    unknown = why(WEB, "motd/deb")
    assert (unknown.presence, unknown.depends_on) == (Presence.CONDITIONAL, ["traits.os.family"])
    assert "depends on traits.os.family" in unknown.summary
    assert why(WEB, "motd/deb", traits=DEBIAN).presence is Presence.PRESENT
    other = why(WEB, "motd/deb", traits={"os": {"family": "redhat"}})
    assert (other.presence, other.reason) == (Presence.ABSENT, Reason.CONDITION)
    assert other.kept_out is not None
    assert other.kept_out.at is not None
    assert (other.kept_out.at.file, other.kept_out.at.line) == ("configcrates/motd.vgo", 4)
    assert other.kept_out.text == "motd/deb applies where traits.os.family == 'debian': false"


def test_a_crates_condition_holds_for_all_of_it(why: Why) -> None:
    assert why(LAB, "tools").depends_on == ["traits.hardware.container"]
    found = why(LAB, "package:gdb", traits=DEBIAN)
    assert (found.presence, found.reason) == (Presence.ABSENT, Reason.CONDITION)
    assert found.kept_out is not None
    assert found.kept_out.text == "tools applies where is_container(): false"


# What is not.


def test_an_exclusion_is_named_with_what_it_beats(why: Why) -> None:
    found = why(WEB, "telnet")
    assert (found.presence, found.reason) == (Presence.ABSENT, Reason.EXCLUDED)
    assert steps(found)[-1] == ("list", "roles.vgo", 2)
    assert found.kept_out is not None
    assert found.kept_out.at is not None
    assert (found.kept_out.kind, found.kept_out.at.file, found.kept_out.at.line) == (
        LinkKind.EXCLUDE,
        "environments.vgo",
        2,
    )
    assert why(WEB, "package:telnet").reason is Reason.EXCLUDED


def test_a_block_that_lost_is_named_with_the_one_that_won(why: Why) -> None:
    found = why(WEB, "postgres")
    assert found.reason is Reason.OUTMATCHED
    assert found.kept_out is not None
    assert found.kept_out.text == ("web01.example.com applies, not web*.example.com: an exact name beats a glob")
    assert found.instead is not None
    assert [(link.at.file, link.at.line) for link in found.instead if link.at] == [("prod/web.vgo", 6)]
    assert why(OTHER, "postgres").presence is Presence.PRESENT


def test_what_is_listed_elsewhere_says_where(why: Why) -> None:
    found = why(LAB, "nginx")
    assert found.reason is Reason.NOT_LISTED
    assert found.instead is not None
    assert [link.text for link in found.instead] == ["role web lists nginx"]
    nowhere = why(LAB, "unlisted")
    assert (nowhere.reason, nowhere.instead) == (Reason.NOT_LISTED, None)
    assert nowhere.summary.endswith("and nothing else in the config does")
    role = why(LAB, "role:database")
    assert role.instead is not None
    assert role.instead[0].text == "the block for web*.example.com gives role database"


def test_a_name_that_is_nowhere_has_its_nearest(why: Why) -> None:
    for subject, hint in (("ngimx", "nginx"), ("crate:ngimx", "nginx"), ("ssh.ilde", "ssh.idle"), ("role:wbe", "web")):
        found = why(WEB, subject)
        assert (found.presence, found.reason) == (Presence.ABSENT, Reason.UNKNOWN_NAME)
        assert found.hint == f"did you mean {hint}?"
    assert why(WEB, "nginx/vhost").hint == "did you mean nginx/vhosts?"


def test_a_name_of_several_things_says_so() -> None:
    found = graphs.compile_tree(
        tree(
            {
                "leaf.vgo": "envoys:\n  - {match: h, configcrates: [web], vars: {web: 1}}\n",
                "roles.vgo": "roles: {web: {}}\n",
                "configcrates/web.vgo": "name: web\n",
            }
        )
    ).graph
    assert found is not None
    answer = explanations.why(found, "h", "web")
    assert (answer.kind, answer.also) == (SubjectKind.CRATE, ["var:web", "role:web"])
    assert explanations.why(found, "h", "var:web").value == 1


def test_a_misspelt_host_is_told_what_is_near(why: Why) -> None:
    found = why("wbe07.example.com", "nginx")
    assert (found.presence, found.reason, found.chain) == (Presence.ABSENT, Reason.NO_MATCH, [])
    assert found.hint == "did you mean web01.example.com?"
    assert why("www.web.exmple.com", "nginx").hint == "the nearest pattern is web*.example.com, in prod/web.vgo"
    known = why("bix.lab.exampel.com", "nginx", known_hosts=["box.lab.example.com"])
    assert known.hint == "did you mean box.lab.example.com?"
    assert why("entirely.different.invalid", "nginx").hint is None


def test_an_expected_value_says_who_is_stronger(why: Why) -> None:
    found = why(WEB, "dns=1.1.1.1")
    assert (found.presence, found.reason, found.value) == (Presence.ABSENT, Reason.OVERRIDDEN, "10.0.0.1")
    assert found.summary == "common.vgo sets dns to that, but prod/common.vgo is stronger"
    assert why(WEB, "ssh.port=22").presence is Presence.PRESENT
    elsewhere = why(WEB, "dns=10.9.9.9")
    assert elsewhere.instead is not None
    assert [link.at.file for link in elsewhere.instead if link.at] == ["lab/common.vgo"]
    assert why(WEB, "only_lab").reason is Reason.NOT_LISTED


def test_a_map_that_was_replaced_whole_has_lost_its_keys() -> None:
    files = {
        "common.vgo": "vars: {app: {port: 1}}\n",
        "leaf.vgo": "envoys:\n  - {match: h, vars: {app: off}}\n",
    }
    found = graphs.compile_tree(tree(files)).graph
    assert found is not None
    answer = explanations.why(found, "h", "app.port")
    assert (answer.presence, answer.reason) == (Presence.ABSENT, Reason.OVERRIDDEN)
    assert answer.kept_out is not None
    assert answer.kept_out.text == "the block puts another value in the place of app"


def test_many_places_elsewhere_are_cut_and_counted() -> None:
    blocks = "".join(f"  - {{match: h{number}, configcrates: [c]}}\n" for number in range(30))
    files = {"leaf.vgo": f"envoys:\n  - match: x\n{blocks}", "configcrates/c.vgo": "name: c\n"}
    found = graphs.compile_tree(tree(files)).graph
    assert found is not None
    answer = explanations.why(found, "x", "c")
    assert answer.instead is not None
    assert (len(answer.instead), answer.left_out) == (10, 20)


# Laws.


@settings(max_examples=tries(8, 1_000))
@given(configs(), st.sampled_from(HOSTS))
def test_all_that_a_host_has_ends_in_a_line_that_names_it_and_all_else_has_a_reason(
    files: dict[str, str], host: str
) -> None:
    whole = graphs.compile_tree(tree(files)).graph
    assert whole is not None
    traced = graphs.trace(whole, host)
    crates = traced.configcrates or []
    for name in crates:
        _ends_in(whole, explanations.why(whole, host, f"crate:{name}"), name)
    for source in traced.var_sources or []:
        found = explanations.why(whole, host, f"var:{source.key}")
        _ends_in(whole, found, source.key.rpartition(".")[2])
        if not source.source.startswith("configcrate:"):
            assert found.value == source.value
            assert found.layers is not None
            assert source.source in {each.source for each in found.layers if each.wins}
    for name in {*CRATES} - {*crates}:
        found = explanations.why(whole, host, f"crate:{name}")
        assert (found.presence, found.reason is not None) == (Presence.ABSENT, True)
        if found.reason is Reason.EXCLUDED:
            assert found.kept_out is not None
            assert found.kept_out.at is not None
            assert name in found.kept_out.at.source
    for name in ROLES:
        found = explanations.why(whole, host, f"role:{name}")
        profile = whole.match(host)
        has = profile is not None and any(name in whole.roles.closures[each] for each in profile.roles)
        assert (found.presence is Presence.PRESENT) == has


def _ends_in(whole: Graph, found: Explanation, name: str) -> None:
    assert found.presence is Presence.PRESENT, found
    last = found.chain[-1].at
    assert last is not None
    text = whole.documents.tree.read(whole.documents.entries[last.file].oid).decode().split("\n")[last.line - 1]
    assert last.source == text
    assert name in text


@settings(max_examples=tries(8, 1_000))
@given(configs(), st.sampled_from(HOSTS))
def test_writers_are_alive_where_merging_left_their_values(files: dict[str, str], host: str) -> None:
    whole = graphs.compile_tree(tree(files)).graph
    assert whole is not None
    profile = whole.match(host)
    if profile is None:
        return
    layers = profile.resolution.layers
    alive = overlaid((layer.vars, index) for index, layer in enumerate(layers))
    merged: dict[str, object] = {}
    for layer in layers:
        merged = merge(merged, layer.vars)
    flat = {leaf.keys: leaf.value for leaf in leaves(settle(merged))}
    kept = {keys for keys, value in flat.items() if value != {}}
    assert {keys for keys in alive.live if flat.get(keys) != {}} == kept
    for keys in kept:
        words = [word_on(layers[index].vars, ".".join(keys)) for index in alive.live[keys]]
        values = [word.value for word in words if word is not None]
        assert flat[keys] == (sum(values[1:], values[0]) if len(values) > 1 else values[0])


# Usercrates.

PER_USER = {
    "common.vgo": "usercrates: [shell]\n",
    "leaf.vgo": "envoys:\n  - {match: h, usercrates: [editor]}\n  - match: other\n",
    "usercrates/shell.vgo": (
        "name: shell\nvars: {idle: 9}\nresources:\n"
        "  - {name: rc, type: directory, path: '{{ user.home }}/.rc', when: user.shell == '/bin/sh'}\n"
        "  - {name: idle, type: file_line, path: '{{ user.home }}/.idle', line: '{{ vars.idle }}'}\n"
    ),
    "usercrates/editor.vgo": (
        "name: editor\nresources: [{name: rc, type: directory, path: '{{ user.home }}/.editor'}]\n"
    ),
}


def test_a_usercrate_is_listed_and_each_of_its_resources_is_the_hosts_to_count() -> None:
    whole = compiled(PER_USER)
    assert steps(explanations.why(whole, "other", "shell"))[1:] == [
        ("inherit", "common.vgo", 1),
        ("declare", "usercrates/shell.vgo", 1),
    ]
    found = explanations.why(whole, "other", "usercrate:shell/rc")
    assert (found.presence, found.depends_on, found.kind) == (
        Presence.CONDITIONAL,
        ["users"],
        SubjectKind.RESOURCE,
    )
    assert [kind for kind, _, _ in steps(found)] == ["match", "inherit", "condition", "declare"]
    idle = explanations.why(whole, "other", "idle")
    assert (idle.value, steps(idle)[-1]) == (9, ("write", "usercrates/shell.vgo", 2))


def test_a_usercrate_that_a_host_has_not_says_where_it_is_listed() -> None:
    whole = compiled(PER_USER)
    for subject in ("editor", "usercrate:editor/rc", "directory:{{ user.home }}/.editor"):
        found = explanations.why(whole, "other", subject)
        assert (found.presence, found.reason) == (Presence.ABSENT, Reason.NOT_LISTED)
        assert found.instead is not None
        assert [link.text for link in found.instead] == ["the block for h lists editor"]
    differ = explanations.causes(explanations.Host(whole, "h"), explanations.Host(whole, "other"))
    assert [(each.kind.value, each.of, each.explains[0].name) for each in differ.causes] == [("line", "one", "editor")]


def test_a_long_way_through_roles_is_cut_in_its_middle() -> None:
    count = 300
    inner = "".join(f"  r{number}: {{includes: [r{number + 1}], vars: {{v: {number}}}}}\n" for number in range(count))
    files = {
        "leaf.vgo": "envoys:\n  - {match: h, roles: [r0]}\n",
        "roles.vgo": f"roles:\n{inner}  r{count}: {{configcrates: [c], vars: {{v: last}}}}\n",
        "configcrates/c.vgo": "name: c\n",
    }
    whole = compiled(files)
    found = explanations.why(whole, "h", "crate:c")
    assert (len(found.chain), found.left_out) == (200, count + 4 - 200)
    assert (found.chain[0].kind, found.chain[-2].text) == (LinkKind.MATCH, f"role r{count} lists c")
    layers = explanations.why(whole, "h", "v")
    assert layers.layers is not None
    assert (len(layers.layers), layers.left_out, layers.value, layers.layers[-1].wins) == (200, 101, 0, True)


def test_a_condition_on_a_secret_is_the_hosts_to_judge() -> None:
    files = {
        "leaf.vgo": "envoys:\n  - {match: h, configcrates: [c]}\n",
        "configcrates/c.vgo": (
            "name: c\nvars: {db: {password: 'secret:a/b', port: 1}}\nresources:\n"
            "  - {name: one, type: package, package: one, when: vars.db.password == 'secret:a/b'}\n"
            "  - {name: two, type: package, package: two, when: vars.db.port == 2}\n"
        ),
    }
    whole = compiled(files)
    found = explanations.why(whole, "h", "c/one")
    assert (found.presence, found.depends_on) == (Presence.CONDITIONAL, ["secret:a/b"])
    assert explanations.why(whole, "h", "c/two").presence is Presence.ABSENT


def test_a_foreach_that_computes_with_a_secret_is_the_hosts_to_go_through() -> None:
    files = {
        "leaf.vgo": "envoys:\n  - {match: h, configcrates: [c]}\n",
        "configcrates/c.vgo": (
            "name: c\nvars: {pw: 'secret:a/b', all: ['secret:c']}\nresources:\n"
            "  - {name: one, type: package, package: '{{ item }}', foreach: 'vars.pw.split()'}\n"
            "  - {name: two, type: package, package: '{{ item | length }}', foreach: vars.all}\n"
        ),
    }
    whole = compiled(files)
    found = explanations.why(whole, "h", "c/one")
    assert (found.presence, found.depends_on) == (Presence.CONDITIONAL, ["secret:a/b"])
    assert explanations.why(whole, "h", "c/two").presence is Presence.PRESENT
    assert explanations.why(whole, "h", "package:8").presence is Presence.ABSENT
