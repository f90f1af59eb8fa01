"""What was changed by hand becomes the briefest edit of the config that says it of those hosts and of no other."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import graph
from reconciler.authoring.trees import Overlaid
from reconciler.drifts import Drifted, Proposed, propose
from schema.drifts import Level
from schema.protocol.reports import ObservedAttribute
from tests.factories.drifts import Site

CONFIG = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": "# what all have\nconfigcrates: [kernel, motd]\nvars:\n  swappiness: 10  # the default\n  banner: Hello\n",
    "roles.vgo": "roles:\n  web:\n    configcrates: [nginx]\n    vars:\n      nginx: {port: 80, user: www}\n  edge: {includes: [web]}\n",
    "environments.vgo": "environments:\n  production: {}\n  staging:\n    vars: {banner: Try it}\n",
    "production/hosts.vgo": (
        'envoys:\n  - match: "web*.prod"\n    environment: production\n    roles: [web]\n'
        '  - match: "db*.prod"\n    environment: production\n    vars: {backup: true}\n'
    ),
    "staging/hosts.vgo": 'envoys:\n  - match: "*.stage"\n    environment: staging\n    roles: [edge]\n  - match: one.stage\n    environment: staging\n    roles: [web]\n',
    "configcrates/kernel.vgo": (
        "name: kernel\nresources:\n  - name: swap\n    type: sysctl\n    key: vm.swappiness\n"
        '    value: "{{ vars.swappiness }}"\n  - name: tasks\n    type: sysctl\n    key: kernel.pid_max\n    value: "4194304"\n'
    ),
    "configcrates/motd.vgo": (
        'name: motd\nresources:\n  - name: motd\n    type: file\n    path: /etc/motd\n    content: |\n      {{ vars.banner }}, friend.\n    mode: "0644"\n'
        "  - name: ssh\n    type: service\n    service: ssh\n    state: running\n    enabled: true\n"
    ),
    "configcrates/nginx.vgo": (
        "name: nginx\nvars: {workers: 4}\nresources:\n"
        "  - name: conf\n    type: file\n    path: /etc/nginx.conf\n"
        '    content: "user {{ vars.nginx.user }}; workers {{ vars.workers }}; listen {{ vars.nginx.port }};\\n"\n'
        "  - name: site\n    type: file\n    path: /etc/site.conf\n    source: templates/site.j2\n"
        "  - name: hard\n    type: file\n    path: /etc/hard.conf\n    source: templates/hard.j2\n"
        "  - name: plain\n    type: file\n    path: /etc/plain.conf\n    source: files/plain.conf\n"
        '  - name: loud\n    type: file\n    path: /etc/loud\n    content: "{{ vars.banner | upper }}\\n"\n'
        "  - name: each\n    type: file\n    foreach: [a, b]\n    path: /etc/{{ item }}\n    content: x\n"
    ),
    "templates/site.j2": "port {{ vars.nginx.port }}\n",
    "templates/hard.j2": "PORT {{ vars.nginx.port + 1 }}\n",
    "files/plain.conf": "{{ not a template }}\n",
}
PROD = ("web1.prod", "web2.prod", "db1.prod")
STAGE = ("one.stage", "two.stage", "three.stage")
HOSTS = sorted((*PROD, *STAGE))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("config"), CONFIG, HOSTS)


def swap(site: Site, *hosts: str, found: str = "60", **more: Any) -> Proposed:
    return site.propose("kernel/swap", "sysctl", hosts, ("value", found, "10"), **more)


def first(proposed: Proposed) -> tuple[Level, list[str], tuple[str, ...], bool]:
    one = proposed.proposals[0]
    return one.level, sorted(one.files), one.covers, one.exact


# The level.


def test_all_of_an_environment_is_said_of_the_environment(site: Site) -> None:
    proposed = swap(site, *PROD)
    assert first(proposed) == (Level.ENVIRONMENT, ["environments.vgo"], PROD, True)
    best = proposed.proposals[0]
    assert best.summary == "vars.swappiness = 60 in environments.vgo:production"
    assert best.others == ()
    assert best.moved == tuple(sorted(PROD))
    assert [line for line in best.diff.splitlines() if line[:1] in "+-"][2:] == [
        "-  production: {}",
        "+  production: {vars: {swappiness: 60}}",
    ]
    assert [each.cost for each in proposed.proposals] == sorted(each.cost for each in proposed.proposals)


def test_all_there_are_is_said_where_it_stands_already_with_its_comments(site: Site) -> None:
    best = swap(site, *HOSTS).proposals[0]
    assert (best.level, best.exact, best.edits) == (Level.COMMON, True, 1)
    assert best.files["common.vgo"].decode() == CONFIG["common.vgo"].replace("swappiness: 10 ", "swappiness: 60 ")


def test_those_of_one_block_are_said_in_it_and_one_host_in_its_own(site: Site) -> None:
    level, files, covers, exact = first(swap(site, "web1.prod", "web2.prod"))
    assert (level, files, covers, exact) == (Level.BLOCK, ["production/hosts.vgo"], ("web1.prod", "web2.prod"), True)
    best = swap(site, "one.stage").proposals[0]
    assert (best.level, best.exact, best.others) == (Level.HOST, True, ())
    assert best.summary == "vars.swappiness = 60 in staging/hosts.vgo: one.stage"


def test_one_host_of_a_wide_block_gets_a_block_of_its_own(site: Site) -> None:
    best = swap(site, "two.stage").proposals[0]
    assert (best.level, best.exact, best.moved) == (Level.HOST, True, ("two.stage",))
    added = CONFIG["staging/hosts.vgo"] + (
        '  - match: "two.stage"\n    environment: staging\n    roles: [edge]\n    vars:\n      swappiness: 60\n'
    )
    assert best.files == {"staging/hosts.vgo": added.encode()}


def test_hosts_of_a_role_are_said_of_the_role(site: Site) -> None:
    hosts = ("web1.prod", "web2.prod", *STAGE)
    content = "user www; workers 4; listen {}; \n".replace("; \n", ";\n")
    proposed = site.propose("nginx/conf", "file", hosts, ("content", content.format(8080), content.format(80)))
    best = proposed.proposals[0]
    assert (best.level, best.exact, best.summary) == (Level.ROLE, True, "vars.nginx.port = 8080 in role web")
    workers = content.format(80).replace("workers 4", "workers 16")
    best = site.propose("nginx/conf", "file", hosts, ("content", workers, content.format(80))).proposals[0]
    assert (best.level, best.exact, sorted(best.files)) == (Level.CRATE, True, ["configcrates/nginx.vgo"])


def test_what_was_found_on_others_too_is_no_harm_to_them(site: Site) -> None:
    alone = swap(site, "web1.prod").proposals
    assert not next(each for each in alone if each.level is Level.ENVIRONMENT).exact
    asked = swap(site, "web1.prod", alike=PROD).proposals
    assert next(each for each in asked if each.level is Level.ENVIRONMENT).exact


def test_what_something_stronger_says_cannot_be_said_below_it(site: Site) -> None:
    hosts = STAGE
    proposed = site.propose("motd/motd", "file", hosts, ("content", "Go away, friend.\n", "Try it, friend.\n"))
    assert first(proposed)[0] is Level.ENVIRONMENT
    assert {each.level for each in proposed.proposals} == {Level.ENVIRONMENT}


# The attribute.


def test_a_literal_that_drifted_on_all_hosts_is_edited_and_on_some_becomes_a_var(site: Site) -> None:
    everyone = site.propose("motd/motd", "file", tuple(HOSTS), ("mode", "0600", "0644")).proposals[0]
    assert (everyone.level, everyone.exact) == (Level.CRATE, True)
    assert everyone.files["configcrates/motd.vgo"].decode() == CONFIG["configcrates/motd.vgo"].replace("0644", "0600")
    some = site.propose("motd/motd", "file", PROD, ("mode", "0600", "0644")).proposals[0]
    assert (some.level, some.exact, some.others) == (Level.ENVIRONMENT, True, ())
    crate = some.files["configcrates/motd.vgo"].decode()
    assert 'mode: "{{ vars.motd_motd_mode }}"' in crate.replace("'", '"')
    assert "0600" in some.files["environments.vgo"].decode()


def test_a_service_that_was_stopped_and_disabled_is_one_proposal(site: Site) -> None:
    proposed = site.propose(
        "motd/ssh", "service", tuple(HOSTS), ("enabled", "disabled", "yes"), ("state", "inactive", "running")
    )
    assert proposed.changes == {"enabled": False, "state": "stopped"}
    text = proposed.proposals[0].files["configcrates/motd.vgo"].decode()
    assert "state: stopped\n    enabled: false\n" in text


@pytest.mark.parametrize(
    ("resource", "type_", "observed", "why"),
    [
        ("nginx/hard", "file", ("content", "PORT 1\n", "PORT 81\n"), "templates/hard.j2"),
        ("nginx/loud", "file", ("content", "QUIET\n", "HELLO\n"), "vars.banner, and no single one"),
        ("nginx/each[0]", "file", ("content", "y", "x"), "would change nginx/each item [1] as well"),
        ("nginx/each[0]", "file", ("state", "absent", "file"), "no longer be managed"),
        ("nginx/each", "file", ("content", "y", "x"), "no such resource"),
        ("nginx/conf[0]", "file", ("content", "y", "x"), "no such resource"),
        ("nginx/conf", "file", ("content", "nothing like it", "user www; workers 4; listen 80;\n"), "no single one"),
        ("nginx/gone", "file", ("mode", "0600", "0644"), "no such resource"),
        ("gone/conf", "file", ("mode", "0600", "0644"), "no configcrate gone"),
        ("usercrate:shell@ada/rc", "file", ("mode", "0600", "0644"), "usercrate"),
        ("nginx/conf", "file", ("frobs", "1", "2"), "no attribute of a file"),
        ("motd/motd", "file", ("path", "/etc/other", "/etc/elsewhere"), "not as the config writes it"),
        ("nginx/conf", "teleport", ("mode", "1", "2"), "no type that is known"),
    ],
)
def test_what_has_no_inverse_says_why(site: Site, resource: str, type_: str, observed: Any, why: str) -> None:
    proposed = site.propose(resource, type_, ("web1.prod",), observed)
    assert proposed.proposals == ()
    assert why in proposed.why


def test_what_was_not_told_says_why(site: Site) -> None:
    for told, why in (
        ((), "did not tell"),
        ((ObservedAttribute(name="content", hidden=True),), "secret"),
        ((ObservedAttribute(name="content", cut=True),), "too long"),
    ):
        drifted = Drifted("motd/motd", "file", ("web1.prod",), told)
        assert why in propose(site.graph, drifted, HOSTS, site.compile, site.read).why


def test_hosts_that_do_not_have_it_are_not_asked_for(site: Site) -> None:
    proposed = site.propose("nginx/conf", "file", ("db1.prod",), ("mode", "0600", "0644"))
    assert "none of the hosts has" in proposed.why


def test_a_template_with_vars_alone_is_solved_and_a_file_is_written_whole(site: Site) -> None:
    hosts = ("web1.prod", "web2.prod", *STAGE)
    best = site.propose("nginx/site", "file", hosts, ("content", "port 8080\n", "port 80\n")).proposals[0]
    assert (best.level, best.exact, best.summary) == (Level.ROLE, True, "vars.nginx.port = 8080 in role web")
    plain = ("content", "better\n", "{{ not a template }}\n")
    proposed = site.propose("nginx/plain", "file", hosts, plain)
    (whole,) = proposed.proposals
    assert (whole.level, whole.exact, whole.files) == (Level.CRATE, True, {"files/plain.conf": b"better\n"})
    (some,) = site.propose("nginx/plain", "file", ("web1.prod",), plain).proposals
    assert (some.exact, len(some.others)) == (False, 4)


@pytest.mark.parametrize(
    "found",
    [
        "{{ secrets.db }}",
        "{{ vars.banner }}",
        "{% set x = secrets.db %}",
        "{{ 6 * 7 }}",
        "{# #}",
        "secret:db/root",
        "a secret:db b",
    ],
)
def test_what_a_host_says_is_never_written_where_it_would_be_rendered(site: Site, found: str) -> None:
    for proposed in (
        swap(site, *PROD, found=found),
        site.propose("kernel/tasks", "sysctl", PROD, ("value", found, "4194304")),
        site.propose("motd/motd", "file", PROD, ("content", f"{found}, friend.\n", "Hello, friend.\n")),
        site.propose("nginx/conf", "file", PROD[:2], ("content", f"user {found}; workers 4; listen 80;\n", None)),
    ):
        assert not proposed.proposals, [each.files for each in proposed.proposals]


# Laws.


def test_every_proposal_is_a_config_in_which_what_it_covers_is_desired(site: Site) -> None:
    """And compiles to the same whoever compiles it; the same question has the same answer."""
    for hosts in (PROD, STAGE, ("web1.prod",), ("two.stage", "db1.prod"), tuple(HOSTS)):
        proposed = swap(site, *hosts)
        assert [each.files for each in swap(site, *hosts).proposals] == [each.files for each in proposed.proposals]
        assert proposed.proposals
        for each in proposed.proposals:
            made = graph.compile_tree(Overlaid(site.tree, each.files), graph.Cache()).graph
            assert made is not None
            for host in HOSTS:
                before, after = site.graph.match(host), made.match(host)
                assert before is not None
                assert after is not None
                if host in each.covers:
                    assert after.catalog.vars["swappiness"] == 60
                changed = before.catalog.vars["swappiness"] != after.catalog.vars["swappiness"]
                assert changed == (host in each.moved)
            assert set(each.others) == set(each.moved) - set(hosts)
            assert each.exact == (not each.others and set(each.covers) == set(hosts))
