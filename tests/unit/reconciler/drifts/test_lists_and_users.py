"""Of lists, items of a foreach and usercrates: what was found becomes desired of whom it was found on, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler import graph
from reconciler.authoring.trees import Overlaid
from reconciler.documents.edit import NotEditable
from reconciler.drifts import Drifted, Facts, Proposed, merged, propose
from reconciler.drifts.saying import Said, Speaker, linked_of
from reconciler.graph import Graph
from reconciler.previews.pairs import Pairs
from schema.drifts import Level
from schema.protocol.reports import ObservedAttribute
from tests.factories.drifts import Site

CONFIG = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": (
        "configcrates: [ntp, web]\nusercrates: [shell]\nvars:\n  servers:\n    - a.ntp  # near\n    - b.ntp\n"
        "  admins: [ada]\n  tls: true\n  idle: 900\n"
        "  vhosts:\n    - {name: shop, port: 80}  # the shop\n    - {name: blog, port: 81}\n"
    ),
    "environments.vgo": "environments:\n  production: {}\n  staging:\n    vars: {servers+: [c.ntp]}\n",
    "hosts.vgo": (
        'envoys:\n  - match: "web*.prod"\n    environment: production\n  - match: db1.prod\n    environment: production\n'
        '  - match: "*.stage"\n    environment: staging\n    vars:\n      vhosts:\n        - {name: shop, port: 8080}\n'
    ),
    "configcrates/ntp.vgo": (
        "name: ntp\nresources:\n  - name: conf\n    type: file\n    path: /etc/ntp.conf\n    source: templates/ntp.j2\n"
        '  - name: ops\n    type: group\n    group: ops\n    members: "{{ vars.admins }}"\n'
        "  - name: fixed\n    type: group\n    group: fixed\n    members: [ada, ben]  # for ever\n"
    ),
    "configcrates/web.vgo": (
        "name: web\nresources:\n  - name: sites\n    type: file\n    foreach: vars.vhosts\n"
        "    path: /etc/web/{{ item.name }}\n    content: |\n      listen {{ item.port }};\n    mode: \"0644\"\n"
        "  - name: links\n    type: symlink\n    foreach: vars.vhosts\n    path: /etc/on/{{ item.name }}\n"
        "    target: /etc/web/{{ item.name }}\n"
        "  - {type: file, path: '/etc/odd[0]', content: odd, mode: '0644'}\n"
        "  - name: words\n    type: file\n    foreach: [x, y]  # two\n    path: /etc/words-{{ loop_name | default('') }}{{ item[0] }}\n"
        "    content: \"{{ item }}\\n\"\n"
    ).replace("{{ loop_name | default('') }}{{ item[0] }}", "{{ item }}"),
    "usercrates/shell.vgo": (
        "name: shell\nvars: {editor: vi}\nresources:\n  - name: rc\n    type: file\n    path: \"{{ user.home }}/.rc\"\n"
        '    content: "TMOUT={{ vars.idle }} EDITOR={{ vars.editor }} USER={{ user.name }}\\n"\n'
        '  - name: hushed\n    type: file\n    path: "{{ user.home }}/.hush"\n    content: quiet\n    mode: "0600"\n'
    ),
    "usercrates/root.vgo": "name: root\nresources: []\n",
    "templates/ntp.j2": (
        "{% if traits.os.family == 'debian' %}# debian\n{% endif %}"
        "{% for one in vars.servers %}server {{ one }}\n{% endfor %}{% if vars.tls %}nts\n{% endif %}"
    ),
}  # fmt: skip
PROD = ("db1.prod", "web1.prod", "web2.prod")
STAGE = ("one.stage", "two.stage")
HOSTS = (*PROD, *STAGE)
TRAITS = {"os": {"family": "debian"}, "users": {name: {"home": f"/home/{name}"} for name in ("ada", "ben")}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("config"), CONFIG, HOSTS)


def asked(site: Site, resource: str, type_: str, hosts: tuple[str, ...], *told: Any, **more: Any) -> Proposed:
    users = dict.fromkeys(HOSTS, frozenset(more.pop("users", ())))
    facts = Facts(dict.fromkeys(HOSTS, TRAITS) if more.pop("traits", True) else {}, users)
    proposed = site.propose(resource, type_, hosts, *told, facts=facts, same=frozenset(more.pop("same", ())))
    for each in proposed.proposals:
        assert graph.compile_tree(Overlaid(site.tree, each.files), graph.Cache()).graph is not None
    return proposed


def diff(proposed: Proposed) -> list[str]:
    return [
        line for line in proposed.proposals[0].diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]


NTP = "# debian\nserver a.ntp\nserver b.ntp\nnts\n"


# Lists.


def test_an_element_that_was_added_is_appended_where_it_was_found(site: Site) -> None:
    found = NTP.replace("nts", "server z.ntp\nnts")
    proposed = asked(site, "ntp/conf", "file", PROD, ("content", found, NTP))
    best = proposed.proposals[0]
    assert (best.level, best.exact, best.summary) == (
        Level.ENVIRONMENT, True, "vars.servers with z.ntp in environments.vgo:production",
    )  # fmt: skip
    assert diff(proposed) == ["-  production: {}", "+  production: {vars: {servers+: [z.ntp]}}"]
    assert [each.exact for each in proposed.proposals] == [True] * len(proposed.proposals)
    best = asked(site, "ntp/conf", "file", ("db1.prod",), ("content", found, NTP)).proposals[0]
    assert (best.level, best.moved) == (Level.HOST, ("db1.prod",))
    best = asked(site, "ntp/conf", "file", ("web2.prod",), ("content", found, NTP)).proposals[0]
    assert (best.level, best.moved) == (Level.HOST, ("web2.prod",))


def test_an_element_that_an_environment_appends_is_changed_there(site: Site) -> None:
    staged = NTP.replace("nts", "server c.ntp\nnts")
    proposed = asked(site, "ntp/conf", "file", STAGE, ("content", staged.replace("c.ntp", "d.ntp"), staged))
    assert proposed.proposals[0].summary == "vars.servers[2] = d.ntp in environments.vgo:staging"
    assert diff(proposed) == ["-    vars: {servers+: [c.ntp]}", "+    vars: {servers+: [d.ntp]}"]
    proposed = asked(site, "ntp/conf", "file", STAGE, ("content", NTP, staged))
    assert proposed.proposals[0].summary == "vars.servers without c.ntp in environments.vgo:staging"
    assert diff(proposed) == ["-    vars: {servers+: [c.ntp]}", "+    vars: {servers+: []}"]


def test_a_condition_is_turned_where_a_var_decides_it(site: Site) -> None:
    proposed = asked(site, "ntp/conf", "file", PROD, ("content", NTP.replace("nts\n", ""), NTP))
    assert proposed.proposals[0].summary == "vars.tls = false in environments.vgo:production"
    literal = asked(site, "ntp/conf", "file", HOSTS, ("mode", "0600", None), traits=False)
    assert literal.proposals[0].summary == "mode: 0600 in configcrates/ntp.vgo"
    silent = asked(site, "ntp/conf", "file", PROD, ("content", NTP.replace("nts\n", ""), NTP), traits=False)
    assert "not known here: this host has not said what it is" in silent.why


def test_lists_that_differ_are_not_made_one(site: Site) -> None:
    found = NTP.replace("nts\n", "server z.ntp\nnts\n")
    proposed = asked(site, "ntp/conf", "file", (*PROD, *STAGE), ("content", found, None))
    assert not proposed.proposals
    assert "would not make it so on one.stage, two.stage" in proposed.why
    proposed = asked(site, "web/sites[0]", "file", (*PROD, *STAGE), ("content", "listen 9;\n", None))
    assert proposed.why == "the hosts have different lists in vars.vhosts: ask for those that share one"


def test_members_of_a_group_are_a_list_of_a_var_or_of_the_crate(site: Site) -> None:
    proposed = asked(site, "ntp/ops", "group", PROD, ("members", "ada,zoe", "ada"))
    assert proposed.proposals[0].summary == "vars.admins with zoe in environments.vgo:production"
    proposed = asked(site, "ntp/fixed", "group", HOSTS, ("members", "ada,ben,zoe", "ada,ben"))
    assert diff(proposed) == ["-    members: [ada, ben]  # for ever", "+    members: [ada, ben, zoe]  # for ever"]
    proposed = asked(site, "ntp/fixed", "group", PROD, ("members", "ada", "ada,ben"))
    assert (proposed.proposals[0].level, proposed.proposals[0].exact) == (Level.ENVIRONMENT, True)
    assert "ntp_fixed_members" in proposed.proposals[0].summary


# Items of a foreach.


def test_an_item_is_changed_where_its_list_stands_and_the_comment_stays(site: Site) -> None:
    found = ("content", "listen 8888;\n", "listen 80;\n")
    best = asked(site, "web/sites[0]", "file", PROD, found).proposals
    assert {each.level for each in best} == {Level.COMMON, Level.ENVIRONMENT, Level.BLOCK, Level.HOST}
    assert best[0].summary == "vars.vhosts[0].port = 8888 in common.vgo"
    assert best[0].files["common.vgo"].decode() == CONFIG["common.vgo"].replace("port: 80}", "port: 8888}")
    assert best[0].moved == PROD
    one = asked(site, "web/sites[0]", "file", STAGE, ("content", "listen 1;\n", "listen 8080;\n")).proposals[0]
    assert (one.level, one.summary) == (Level.BLOCK, "vars.vhosts[0].port = 1 in hosts.vgo: *.stage")
    alone = asked(site, "web/sites[0]", "file", ("web1.prod",), found).proposals
    assert [(each.level, each.moved) for each in alone] == [(Level.HOST, ("web1.prod",))]


def test_of_an_item_what_would_change_others_is_refused_and_says_whom(site: Site) -> None:
    mode = asked(site, "web/sites[0]", "file", HOSTS, ("mode", "0600", "0644"))
    assert not mode.proposals
    assert "would change web/sites item [1] as well, where it was not found" in mode.why
    gone = asked(site, "web/sites[1]", "file", PROD, ("state", "absent", "file"))
    assert not gone.proposals
    assert "not the same as absent" in gone.why
    name = asked(site, "web/links[0]", "symlink", PROD, ("target", "/etc/web/other", "/etc/web/shop"))
    assert not name.proposals
    assert "does not come to what was found" in name.why


def test_an_item_of_a_list_in_the_crate_is_not_changed_where_it_is_the_path_too(site: Site) -> None:
    proposed = asked(site, "web/words[1]", "file", HOSTS, ("content", "z\n", "y\n"))
    assert not proposed.proposals


def test_brackets_in_a_name_are_no_item(site: Site) -> None:
    best = asked(site, "web//etc/odd[0]", "file", HOSTS, ("mode", "0600", "0644")).proposals[0]
    assert (best.level, best.moved) == (Level.CRATE, tuple(sorted(HOSTS)))


# Usercrates.


RC = "TMOUT={} EDITOR={} USER=ada\n"
ADA = ("content", RC.format(60, "vi"), RC.format(900, "vi"))


def test_of_a_usercrate_the_var_is_changed_where_all_its_users_have_it_so(site: Site) -> None:
    proposed = asked(site, "usercrate:shell@ada/rc", "file", PROD, ADA, users=["ada"])
    assert proposed.proposals[0].summary == "vars.idle = 60 in environments.vgo:production"
    assert [each.exact for each in proposed.proposals] == [True] * len(proposed.proposals)
    both = asked(
        site, "usercrate:shell@ada/rc", "file", PROD, ADA,
        users=["ada", "ben"], same=[(host, "ben") for host in PROD],
    )  # fmt: skip
    assert both.proposals[0].summary == "vars.idle = 60 in environments.vgo:production"
    own = asked(
        site,
        "usercrate:shell@ada/rc",
        "file",
        HOSTS,
        ("content", RC.format(900, "ed"), RC.format(900, "vi")),
        users=["ada"],
    )
    assert own.proposals[0].summary == "vars.editor = ed in usercrates/shell.vgo"


def test_of_a_usercrate_what_would_change_it_for_another_user_is_refused(site: Site) -> None:
    proposed = asked(site, "usercrate:shell@ada/rc", "file", PROD, ADA, users=["ada", "ben"])
    assert not proposed.proposals
    assert "would change usercrate:shell/rc of ben as well, where it was not found" in proposed.why


def test_what_is_written_in_a_usercrate_is_edited_there(site: Site) -> None:
    mode = ("mode", "0640", "0600")
    proposed = asked(site, "usercrate:shell@ada/hushed", "file", HOSTS, mode, users=["ada"])
    assert proposed.proposals[0].files["usercrates/shell.vgo"].decode() == CONFIG["usercrates/shell.vgo"].replace(
        "0600", "0640"
    )
    some = asked(site, "usercrate:shell@ada/hushed", "file", PROD, mode, users=["ada"]).proposals[0]
    assert (some.level, "shell_hushed_mode" in some.summary) == (Level.ENVIRONMENT, True)
    assert "no usercrate gone" in asked(site, "usercrate:gone@ada/x", "file", PROD, mode).why


def test_what_else_reads_the_same_is_told(site: Site) -> None:
    found = ("content", "listen 8888;\n", "listen 80;\n")
    assert asked(site, "web/sites[0]", "file", PROD, found).proposals[0].also == ()
    named = asked(site, "ntp/ops", "group", PROD, ("members", "", "ada"))
    assert named.proposals[0].summary == "vars.admins without ada in environments.vgo:production"


# Several at once.


def drifted(resource: str, type_: str, hosts: tuple[str, ...], name: str, found: str, desired: str) -> Drifted:
    return Drifted(
        resource, type_, hosts, (ObservedAttribute(name=name, found=found, desired=desired),),
        facts=Facts(dict.fromkeys(HOSTS, TRAITS)),
    )  # fmt: skip


def together(site: Site, *groups: Drifted) -> dict[str, str]:
    chosen = []
    for group in groups:
        proposed = propose(site.graph, group, HOSTS, site.compile, site.read)
        chosen.append((group, proposed, proposed.proposals[0]))
    files = merged(site.graph, chosen, site.compile, site.read)
    return {path: data.decode() for path, data in files.items()}


def test_two_proposals_for_one_host_share_a_block_and_two_for_one_list_both_stand(site: Site) -> None:
    ops = drifted("ntp/ops", "group", ("web2.prod",), "members", "ada,zoe", "ada")
    tls = drifted("ntp/conf", "file", ("web2.prod",), "content", NTP.replace("nts\n", ""), NTP)
    files = together(site, ops, tls)
    assert files["hosts.vgo"].count('match: "web2.prod"') == 1
    assert "admins+:\n        - zoe\n" in files["hosts.vgo"]
    assert "tls: false" in files["hosts.vgo"]
    ports = [
        drifted(f"web/sites[{n}]", "file", PROD, "content", f"listen {9 + n};\n", f"listen {80 + n};\n") for n in (0, 1)
    ]
    text = together(site, *ports)["common.vgo"]
    assert "{name: shop, port: 9}  # the shop" in text
    assert "{name: blog, port: 10}" in text


def test_proposals_that_do_not_fit_together_are_not_written(site: Site) -> None:
    ada = drifted("ntp/ops", "group", PROD, "members", "", "ada")
    zoe = drifted("ntp/ops", "group", PROD, "members", "zoe", "ada")
    with pytest.raises(NotEditable):
        together(site, ada, zoe)


# Laws.


def all_said(of: Graph, host: str) -> dict[str, Said]:
    """All that a graph desires of a host and of its users, looked at one by one."""
    profile = of.match(host)
    assert profile is not None
    named = [(each, False) for each in profile.resolution.crates] + [
        (each, True) for each in profile.resolution.usercrates
    ]
    found: dict[str, Said] = {}
    for name, is_users in named:
        crate = f"usercrate:{name}" if is_users else name
        linked = linked_of(of, crate)
        assert linked is not None
        for pair in Pairs(of, of).of(crate, linked, linked).resources:
            assert pair.base is not None
            for user in ("ada", "ben") if is_users else ("",):
                said = Speaker(pair.base, linked, profile, Facts({host: TRAITS}), host, user).said()
                found |= {f"{pair.id} {user}{mark}": {mark: each} for mark, each in said.items()}
    return found


def test_what_a_proposal_changes_is_what_it_says_and_nothing_else_on_any_host(site: Site) -> None:
    users = dict.fromkeys(HOSTS, frozenset({"ada", "ben"}))
    added = NTP.replace("nts\n", "server z.ntp\nnts\n")
    asks = [
        drifted("ntp/conf", "file", PROD, "content", added, NTP),
        drifted("ntp/conf", "file", ("web1.prod",), "content", NTP.replace("nts\n", ""), NTP),
        drifted("ntp/ops", "group", ("db1.prod",), "members", "ada,zoe", "ada"),
        drifted("ntp/fixed", "group", PROD, "members", "ada", "ada,ben"),
        drifted("web/sites[0]", "file", PROD, "content", "listen 8888;\n", "listen 80;\n"),
        drifted("web/sites[0]", "file", ("web1.prod",), "content", "listen 8888;\n", "listen 80;\n"),
        drifted("web/sites[0]", "file", STAGE, "content", "listen 1;\n", "listen 8080;\n"),
    ]
    before = {host: all_said(site.graph, host) for host in HOSTS}
    looked_at = 0
    for ask in asks:
        ask = replace(ask, facts=ask.facts._replace(users=users))
        for each in propose(site.graph, ask, HOSTS, site.compile, site.read).proposals:
            other = site.compile(each.files)
            assert other is not None
            after = {host: all_said(other, host) for host in HOSTS}
            assert {host for host in HOSTS if before[host] != after[host]} == set(each.moved)
            assert set(each.moved) <= {*ask.hosts, *each.others}
            for host in each.covers:
                differing = {
                    key for key in {*before[host], *after[host]} if before[host].get(key) != after[host].get(key)
                }
                resource, _, mark = ask.resource.partition("[")
                mine = f"{resource} {f'[{mark}' if mark else ''}"
                assert mine in differing
                assert {key.partition(" ")[0] for key in differing - {mine}} <= set(each.also)
            looked_at += 1
    assert looked_at > 12
