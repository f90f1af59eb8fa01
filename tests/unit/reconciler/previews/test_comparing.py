"""What another revision would be for each host: told, grouped, and never claimed without cause."""

from __future__ import annotations

import pytest

from schema.previews import ResourceChange
from tests.factories.previews import DEBIAN, HOSTS, crate, one, preview, resource

WEB = "web01.example.com"
OLD_NAME = "{name: %s, type: file, path: /x, content: a}"
MOTD = '{name: motd, type: file, path: /etc/motd, content: "%s"}'


def site(*resources: str, head: str = "", **more: str) -> dict[str, str]:
    return {"hosts.vgo": HOSTS, "configcrates/site.vgo": crate(*resources, head=head), **more}


def attributes(change: ResourceChange) -> dict[str, tuple[object, object]]:
    return {each.name: (each.base, each.other) for each in change.attributes}


def test_the_same_tree_changes_nothing() -> None:
    found = preview(site(MOTD % "a"), site(MOTD % "a"))
    assert (found.summary, found.classes, found.unchanged) == ("nothing changes", [], 1)
    assert found.base.plan_root == found.other.plan_root


def test_no_hosts_at_all_is_not_called_no_change() -> None:
    found = preview(site(MOTD % "a"), site(MOTD % "b"), [])
    assert (found.summary, found.hosts) == ("there are no hosts to look at", 0)


def test_a_changed_attribute_is_told_for_every_host_at_once() -> None:
    hosts = [f"web{number:02}.example.com" for number in range(60)]
    found = preview(site(MOTD % "a"), site(MOTD % "b"), [*hosts, "db01.example.com"])
    told = one(found)
    assert (found.summary, found.hosts, found.unmanaged) == ("1 kind of change over 60 hosts", 61, 1)
    assert (told.count, told.hosts, told.left_out, told.title) == (60, hosts[:50], 10, "site: 1 changed")
    assert (resource(found).id, resource(found).action) == ("site/motd", "changed")
    assert attributes(resource(found)) == {"content": ("a", "b")}
    assert found.base.plan_root != found.other.plan_root


def test_text_of_several_lines_is_a_diff() -> None:
    two = '{name: m, type: file, path: /m, content: "one\\n%s\\nthree\\n"}'
    change = resource(preview(site(two % "two"), site(two % "2")))
    assert change.attributes[0].diff == "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"


def test_hosts_names_that_are_only_put_out_make_no_classes_of_their_own() -> None:
    hosts = ["web02.example.com", "web01.example.com"]
    told = preview(site(MOTD % "hi {{ host.hostname }}"), site(MOTD % "ho {{ host.hostname }}"), hosts)
    assert one(told).count == 2
    assert attributes(resource(told)) == {"content": (f"hi {WEB}", f"ho {WEB}")}


def test_hosts_names_that_decide_something_make_classes() -> None:
    text = "{{ 'a' if host.hostname == 'web01.example.com' else '%s' }}"
    found = preview(site(MOTD % (text % "b")), site(MOTD % (text % "c")), [WEB, "web02.example.com"])
    assert [(each.certainty, each.hosts) for each in found.classes] == [
        ("change", ["web02.example.com"]),
        ("none", [WEB]),
    ]


def test_another_template_that_comes_to_the_same_is_no_visible_change() -> None:
    found = preview(site(MOTD % "{{ 1 + 1 }}"), site(MOTD % "2"))
    told = one(found)
    assert (told.certainty, told.resources, found.kinds, found.changed) == ("none", [], 0, 0)
    assert [(crate.name, crate.action) for crate in told.crates] == [("site", "changed")]
    assert told.title == "nothing visible (site)"


def test_a_host_name_in_place_of_the_same_word_is_no_change_where_it_is_the_same() -> None:
    found = preview(site(MOTD % WEB), site(MOTD % "{{ host.hostname }}"), [WEB, "web02.example.com"])
    assert {each.certainty: each.hosts for each in found.classes} == {
        "none": [WEB],
        "change": ["web02.example.com"],
    }


@pytest.mark.parametrize(
    ("on_removal", "said"),
    [
        ("keep", "what it made stays, and is no longer looked after"),
        ("report", "what it made stays, and is reported as long as it is there"),
        ("revert", "what was there before is put back; what the agent made is removed"),
    ],
)
def test_a_removal_is_shown_with_what_becomes_of_it(on_removal: str, said: str) -> None:
    old = f"{{name: old, type: file, path: /etc/old, content: x, on_removal: {on_removal}}}"
    found = preview(site(old, MOTD % "a"), site(MOTD % "a"))
    change = resource(found)
    assert (change.id, change.action, change.consequence, found.removing) == ("site/old", "removed", said, 1)
    assert attributes(change)["content"] == ("x", None)


def test_a_crate_that_goes_takes_all_its_resources() -> None:
    with_it = site(MOTD % "a", **{"configcrates/more.vgo": crate("{type: package, package: telnet}", name="more")})
    with_it["hosts.vgo"] = HOSTS.replace("[site]", "[site, more]")
    without = {**with_it, "hosts.vgo": HOSTS}
    gone, come = preview(with_it, without), preview(without, with_it)
    assert [(each.name, each.action, each.carriers) for each in one(gone).crates] == [
        ("more", "removed", ["match-block"])
    ]
    assert (resource(gone).action, resource(gone).about, one(gone).title) == ("removed", "telnet", "more removed")
    assert (resource(come).action, resource(come).about, one(come).title) == ("added", "telnet", "more added")
    assert one(come).certainty == "change"


def test_another_path_leaves_the_old_one_behind() -> None:
    change = resource(preview(site("{name: m, type: file, path: /a, content: x}"),
                              site("{name: m, type: file, path: /b, content: x}")))  # fmt: skip
    assert attributes(change) == {"path": ("/a", "/b")}
    assert change.consequence == "at /a what it made stays, and is no longer looked after"


def test_vars_are_told_and_followed_to_what_reads_them() -> None:
    base = site(MOTD % "{{ vars.greeting }}", "{name: o, type: file, path: /o, content: same}")
    one_ = {**base, "common.vgo": "vars: {greeting: hi, unread: 1, at: {a: 1}}\n"}
    two = {**base, "common.vgo": "vars: {greeting: ho, unread: 1, at: {a: 2}}\n"}
    found = preview(one_, two)
    assert [(each.key, each.base, each.other, each.action) for each in one(found).vars] == [
        ("at.a", 1, 2, "changed"),
        ("greeting", "hi", "ho", "changed"),
    ]
    assert (resource(found).id, attributes(resource(found))) == ("site/motd", {"content": ("hi", "ho")})


def test_a_crates_own_default_is_followed_too() -> None:
    base = site(MOTD % "{{ vars.word }}", head="vars: {word: a}")
    other = site(MOTD % "{{ vars.word }}", head="vars: {word: b}")
    assert attributes(resource(preview(base, other))) == {"content": ("a", "b")}
    covered = {"common.vgo": "vars: {word: c}\n"}
    assert one(preview({**base, **covered}, {**other, **covered})).certainty == "none"


def test_vars_that_nothing_reads_change_nothing_visible() -> None:
    found = preview(site(MOTD % "a"), site(MOTD % "a", **{"common.vgo": "vars: {x: 1}\n"}))
    assert (one(found).certainty, [each.key for each in one(found).vars]) == ("none", ["x"])


def test_conditions_that_turn_are_starts_and_stops() -> None:
    motd = "{name: motd, type: file, path: /etc/motd, content: x, when: \"traits.os.family == '%s'\"}"
    debian, redhat = site(motd % "debian"), site(motd % "redhat")
    stops, starts = preview(debian, redhat, traits={WEB: DEBIAN}), preview(redhat, debian, traits={WEB: DEBIAN})
    assert (resource(stops).action, resource(starts).action) == ("stops", "starts")
    assert resource(stops).consequence == (
        "it is not applied while its condition does not hold (when: traits.os.family == 'redhat'); what it made stays"
    )
    assert [resource(each).maybe for each in (stops, starts)] == [None, None]


def test_what_a_condition_keeps_out_in_both_is_no_change() -> None:
    out = "{name: m, type: file, path: /m, content: %s, when: \"traits.os.family == 'redhat'\"}"
    assert one(preview(site(out % "a"), site(out % "b"), traits={WEB: DEBIAN})).certainty == "none"


def test_traits_make_classes_only_where_they_differ() -> None:
    text = '{name: m, type: file, path: /m, content: "{{ traits.os.family }} %s"}'
    decides = "{name: m, type: file, path: /m, content: \"{{ traits.os.version if traits.os.family == 'debian' else 'x' }} %s\"}"
    hosts = [f"web0{number}.example.com" for number in range(4)]
    seen = {host: {"os": {"family": "debian" if n < 3 else "suse", "version": str(n)}} for n, host in enumerate(hosts)}
    assert one(preview(site(text % "a"), site(text % "b"), hosts, seen)).count == 4
    found = preview(site(decides % "a"), site(decides % "b"), hosts, seen)
    assert [each.count for each in found.classes] == [1, 1, 1, 1]
    assert {each.example: attributes(each.resources[0])["content"] for each in found.classes} == {
        hosts[n]: (f"{'x' if n == 3 else n} a", f"{'x' if n == 3 else n} b") for n in range(4)
    }


def test_a_host_that_has_said_nothing_is_unknown_and_never_guessed() -> None:
    motd = "{name: motd, type: file, path: /etc/motd, content: %s, when: \"traits.os.family == 'debian'\"}"
    found = preview(site(motd % "a"), site(motd % "b"))
    assert (one(found).certainty, resource(found).maybe) == ("maybe", "this host has not said what it is")
    assert (found.kinds, found.changed) == (1, 1)
    assert found.notes == ["1 of the hosts have not said what they are; what depends on it is unknown"]
    assert attributes(resource(found)) == {"content": ("a", "b")}


@pytest.mark.parametrize("asked", ["file_exists('/x')", "command_succeeds('true')", "hour_range(1, 5)"])
def test_what_only_the_host_can_tell_is_a_maybe(asked: str) -> None:
    motd = '{name: motd, type: file, path: /etc/motd, content: %s, when: "%s"}'
    found = preview(site(motd % ("a", asked)), site(motd % ("b", asked)))
    assert one(found).certainty == "maybe"
    assert "known only on the host" in str(resource(found).maybe)
    within = MOTD % ("%s {{ 'x' if " + asked + " else 'y' }}")
    found = preview(site(within % "a"), site(within % "b"))
    assert (one(found).certainty, resource(found).attributes[0].note) == ("maybe", "as written, not rendered")


def test_what_cannot_be_rendered_fails_and_says_so() -> None:
    found = preview(site(MOTD % "a"), site(MOTD % "{{ vars.number / 0 }}", **{"common.vgo": "vars: {number: 1}\n"}))
    change = resource(found)
    assert (change.action, change.consequence) == (
        "fails",
        "it fails, and what waits for it is skipped: division by zero",
    )


def test_order_alone_is_told_as_order() -> None:
    a, b = "{name: a, type: file, path: /a, content: x%s}", "{name: b, type: file, path: /b, content: x}"
    change = resource(preview(site(a % "", b), site(a % ", depends_on: [b]", b)))
    assert (change.action, attributes(change)) == ("order", {"requires": ([], ["site/b"])})
    moved = one(preview(site(a % "", b), site(b, a % "")))
    assert (moved.reordered, moved.resources, moved.title) == (True, [], "crates in another order")


def test_what_a_change_notifies_is_told() -> None:
    reload = "{name: reload, type: service, service: nginx, state: reloaded}"
    conf = "{name: conf, type: file, path: /c, content: %s, notify: [reload]}"
    change = resource(preview(site(conf % "a", reload), site(conf % "b", reload)))
    assert change.notifies == ["site/reload"]


def test_items_of_a_foreach_are_told_one_by_one() -> None:
    each = '{name: v, type: file, foreach: vars.sites, path: "/etc/{{ item.name }}", content: "{{ item.port }}"}'
    base = site(each, **{"common.vgo": "vars: {sites: [{name: a, port: 1}, {name: b, port: 2}]}\n"})
    other = site(
        each, **{"common.vgo": "vars: {sites: [{name: a, port: 1}, {name: b, port: 3}, {name: c, port: 4}]}\n"}
    )
    found = [(a.item, a.name, a.base, a.other) for a in resource(preview(base, other)).attributes]
    assert found == [
        ("site/v[1]", "content", "2", "3"), ("site/v[2]", "content", None, "4"), ("site/v[2]", "path", None, "/etc/c"),
    ]  # fmt: skip


def test_a_host_that_comes_under_a_block_or_leaves_it_is_told() -> None:
    base = site(MOTD % "a")
    gone = {**base, "hosts.vgo": HOSTS.replace("web*", "db*")}
    lost, gained = one(preview(base, gone)), one(preview(gone, base))
    assert (lost.membership, lost.certainty, lost.resources) == ("lost", "change", [])
    assert [(each.name, each.action) for each in lost.crates] == [("site", "removed")]
    assert "the host goes on applying what it was last sent" in lost.notes[0]
    assert (gained.membership, [each.action for each in gained.resources]) == ("gained", ["added"])
    assert [(pair.base, pair.other) for pair in gained.profiles] == [(None, "hosts.vgo#web*.example.com")]


def test_without_hosts_the_match_blocks_are_looked_at() -> None:
    found = preview(site(MOTD % "a {{ host.hostname }}"), site(MOTD % "b {{ host.hostname }}"), None)
    assert (found.subject, found.summary) == ("blocks", "1 kind of change over 1 match block")
    assert one(found).hosts == ["web*.example.com"]
    decides = MOTD % "{{ host.hostname | upper }} %s"
    assert one(preview(site(decides % "a"), site(decides % "b"), None)).certainty == "maybe"


def test_secrets_stand_by_name_and_what_derives_from_them_not_at_all() -> None:
    vars_ = {"common.vgo": 'vars: {pw: "secret:db/password"}\n'}
    plain = MOTD % "%s {{ vars.pw }}"
    found = preview(site(plain % "a", **vars_), site(plain % "b", **vars_))
    assert attributes(resource(found)) == {"content": ("a secret:db/password", "b secret:db/password")}
    derived = MOTD % "%s {{ vars.pw | b64encode }}"
    change = resource(preview(site(derived % "a", **vars_), site(derived % "b", **vars_)))
    assert attributes(change) == {"content": ("••••••", "••••••")}
    assert change.attributes[0].note == "derived from a secret: not shown"
    hidden = "{name: m, type: file, path: /m, content: %s, sensitive: true}"
    assert attributes(resource(preview(site(hidden % "a"), site(hidden % "b")))) == {"content": ("••••••", "••••••")}


@pytest.mark.parametrize(
    ("one_", "two"),
    [("{{ vars.pw[:3] }}", "{{ vars.pw[:3] }}"), ("{{ vars.same[:30] }}", "{{ vars.same[:40] }}"),
     ("{{ 'a' in vars.pw }}", "{{ 'a' in vars.pw }}"), ("{{ vars.same[:vars.n] }}", "{{ vars.same[:vars.n] }}")],
)  # fmt: skip
def test_what_derives_from_secrets_may_differ_though_their_names_come_to_the_same(one_: str, two: str) -> None:
    vars_ = 'vars: {pw: "secret:db/%s", same: "secret:x", n: %s}\n'
    found = preview(
        site(MOTD % one_, **{"common.vgo": vars_ % ("one", 20)}),
        site(MOTD % two, **{"common.vgo": vars_ % ("two", 30)}),
    )
    assert resource(found).maybe == "it derives from a secret, whose value is not here"
    assert attributes(resource(found)) == {"content": ("••••••", "••••••")}


def test_a_what_if_changes_traits_of_the_other_side_alone() -> None:
    motd = site(MOTD % "{{ traits.os.version }} of {{ traits.os.family }}", "{type: package, package: x}")
    found = preview(motd, motd, traits={WEB: DEBIAN}, overrides={("traits", "os", "version"): "13"})
    assert attributes(resource(found)) == {"content": ("12 of debian", "13 of debian")}
    assert found.traits == {"os.version": "13"}
    same = preview(motd, motd, traits={WEB: DEBIAN}, overrides={("traits", "os", "version"): "12"})
    assert (same.classes, same.unchanged) == ([], 1)


def test_one_crate_can_be_asked_about_alone() -> None:
    def of(a: str, b: str) -> dict[str, str]:
        more = {"configcrates/more.vgo": crate(f"{{name: n, type: file, path: /n, content: {b}}}", name="more")}
        return {**site(MOTD % a, **more), "hosts.vgo": HOSTS.replace("[site]", "[site, more]")}

    found = preview(of("a", "a"), of("b", "b"), configcrate="more")
    assert ([each.id for each in one(found).resources], found.configcrate) == (["more/n"], "more")
    assert preview(of("a", "a"), of("b", "a"), configcrate="more").unchanged == 1


def test_templates_and_files_are_compared_by_what_they_come_to() -> None:
    conf = "{name: c, type: file, path: /c, source: %s}"
    base = site(conf % "templates/c.j2", **{"templates/c.j2": "a\n{{ vars.x | default('y') }}\n"})
    other = site(conf % "templates/c.j2", **{"templates/c.j2": "b\n{{ vars.x | default('y') }}\n"})
    assert resource(preview(base, other)).attributes[0].diff == "@@ -1,2 +1,2 @@\n-a\n+b\n y"
    plain = site(conf % "files/c", **{"files/c": "b\ny\n"})
    assert one(preview(other, plain)).certainty == "none"


def test_the_number_of_the_same_change_is_the_same_in_another_fleet() -> None:
    first = preview(site(MOTD % "a"), site(MOTD % "b"), [WEB])
    second = preview(site(MOTD % "a"), site(MOTD % "b"), ["web07.example.com", "web09.example.com"])
    assert one(first).id == one(second).id


def test_usercrates_are_told_with_whom_they_are_for_left_open() -> None:
    def of(text: str, head: str = "") -> dict[str, str]:
        keys = f'{{name: rc, type: file, path: "{{{{ user.home }}}}/.rc", content: "{text}"}}'
        return {
            "hosts.vgo": HOSTS.replace("configcrates: [site]", "usercrates: [login]"),
            "usercrates/login.vgo": crate(keys, name="login", head=head),
        }

    told = preview(of("a {{ user.name }}"), of("b {{ user.name }}"))
    change = resource(told)
    assert (change.id, change.about, one(told).certainty) == ("usercrate:login/rc", "{{ user.home }}/.rc", "maybe")
    assert attributes(change) == {"content": ("a {{ user.name }}", "b {{ user.name }}")}
    assert change.maybe == "which users it is for is known only on the host"
    whom = resource(preview(of("a"), of("a", head="users: [deploy]")))
    assert attributes(whom)["users"][1] == {"users": ["deploy"], "include_root": False}
    gone = preview(of("a"), {**of("a"), "hosts.vgo": HOSTS.replace("configcrates: [site]", "vars: {}")})
    assert [(each.name, each.action, each.carriers) for each in one(gone).crates] == [
        ("usercrate:login", "removed", ["match-block"])
    ]
    assert resource(gone).action == "removed"


def test_environments_and_roles_that_are_read_tell_hosts_apart() -> None:
    hosts = """
envoys:
  - {match: "web*", environment: one, configcrates: [site]}
  - {match: "db*", environment: two, roles: [r], configcrates: [site]}
"""
    more = {
        "environments.vgo": "environments: {one: {}, two: {}}\n",
        "roles.vgo": "roles: {r: {}}\n",
        "hosts.vgo": hosts,
    }
    text = MOTD % "%s {{ host.environment }} {{ host.roles | join }}"
    found = preview(site(text % "a") | more, site(text % "b") | more, [WEB, "db01.example.com"])
    assert {each.example: each.resources[0].attributes[0].other for each in found.classes} == {
        WEB: "b one ",
        "db01.example.com": "b two r",
    }


def test_another_type_is_a_change_though_all_attributes_are_the_same() -> None:
    change = resource(preview(site("{name: x, type: file, path: /x}"), site("{name: x, type: directory, path: /x}")))
    assert (change.action, attributes(change)) == ("changed", {"type": ("file", "directory")})


def test_what_another_resource_looks_after_from_now_on_is_no_removal() -> None:
    found = preview(site(OLD_NAME % "old"), site(OLD_NAME % "new"))
    told = {each.id: (each.action, each.consequence) for each in one(found).resources}
    assert told == {
        "site/new": ("added", None),
        "site/old": ("removed", "site/new looks after it from now on"),
    }
    assert found.removing == 0


def test_what_becomes_of_it_when_it_leaves_changes_no_host_now() -> None:
    change = resource(preview(site(MOTD % "a"), site((MOTD % "a").replace("}", ", on_removal: revert}"))))
    assert (change.action, attributes(change)) == ("order", {"on_removal": ("keep", "revert")})


def test_what_does_not_fit_is_counted() -> None:
    def of(word: str) -> dict[str, str]:
        line = f"{word} {'x' * 200}\\n" * 70
        return site(*(f'{{name: f{n}, type: file, path: /f{n}, content: "{line}"}}' for n in range(60)))

    told = one(preview(of("a"), of("b")))
    assert told.resources_left_out == 60 - len(told.resources)
    assert 10 < len(told.resources) < 40
    assert len(told.model_dump_json()) < 700 * 1024
    hosts = [f"h{number:03}.example.com" for number in range(300)]
    blocks = "".join(f"  - {{match: {host}, configcrates: [site], vars: {{n: {host}}}}}\n" for host in hosts)
    text = MOTD % "%s {{ vars.n }}"
    base, other = ({**site(text % word), "hosts.vgo": f"envoys:\n{blocks}"} for word in "ab")
    found = preview(base, other, hosts)
    assert (found.kinds, len(found.classes), found.left_out, found.changed) == (300, 200, 100, 300)


def test_what_has_trait_asks_about_is_known_also_where_it_is_computed() -> None:
    motd = "{name: m, type: file, path: /m, content: %s, when: \"has_trait('packages.nginx')\"}"
    seen = {"packages": {"python3.11": "3.11.2", "nginx": "1"}, "os": {"family": "debian"}}
    found = preview(site(motd % "a"), site(motd % "b"), traits={WEB: seen})
    assert attributes(resource(found)) == {"content": ("a", "b")}
    assert one(preview(site(motd % "a"), site(motd % "b"), traits={WEB: {"packages": {}}})).certainty == "none"
    computed = motd.replace("'packages.nginx'", "vars.name")
    named = {"common.vgo": "vars: {name: packages.python3.11}\n"}
    found = preview(site(computed % "a", **named), site(computed % "b", **named), traits={WEB: seen})
    assert attributes(resource(found)) == {"content": ("a", "b")}
