"""What comes of tests: what they look at, what they find, and where that is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler import expectations, graph
from schema.expectations import Failure, Verdict
from tests.factories.trees import MemoryTree, tree

FLEET: Mapping[str, str] = {
    "common.vgo": "configcrates: [motd]\nvars:\n  ntp: [a, b]\n  ssh: {port: 22, users: {ada: 1}}\n",
    "environments.vgo": "environments:\n  production:\n    vars: {http_port: 443}\n    exclude_configcrates: [telnet]\n  lab: {}\n",
    "roles.vgo": (
        "roles:\n"
        "  base: {configcrates: [firewall]}\n"
        "  webserver:\n    includes: [base]\n    configcrates: [nginx]\n    vars: {http_port: 80, ntp+: [c]}\n"
    ),
    "hosts.vgo": (
        "envoys:\n"
        '  - match: "web*.example.com"\n'
        "    environment: production\n"
        "    roles: [webserver]\n"
        "    configcrates: [telnet]\n"
        "  - match: db01.example.com\n"
        "    environment: lab\n"
        "    configcrates: [telnet]\n"
        "    vars:\n      ssh: {port: 2222}\n"
    ),
    "configcrates/motd.vgo": (
        "name: motd\nresources:\n"
        "  - name: motd\n    type: file\n    path: /etc/motd\n    mode: '0644'\n"
        "    content: |\n      {{ host.hostname }} is kept.\n      Port {{ vars.ssh.port }}\n"
    ),
    "configcrates/firewall.vgo": (
        "name: firewall\ndefaults: {owner: root}\nresources:\n"
        "  - {name: deb, type: package, package: nftables, when: os_family('debian')}\n"
        "  - {name: rpm, type: package, package: firewalld, when: not os_family('debian')}\n"
        "  - {name: rules, type: file, path: '/etc/{{ traits.os.family }}.rules', content: x}\n"
    ),
    "configcrates/nginx.vgo": (
        "name: nginx\nvars: {workers: 4, sites: [{name: shop}, {name: status}]}\nresources:\n"
        "  - name: conf\n    type: file\n    path: /etc/nginx/nginx.conf\n    source: templates/nginx.j2\n"
        "  - name: sites\n    type: file\n    foreach: vars.sites\n    path: /etc/nginx/{{ item.name }}.conf\n"
        "    content: 'server {{ item.name }}'\n"
        "  - {name: spare, type: file, path: /etc/nginx/default, state: absent}\n"
        "  - {name: tuned, type: exec, command: tune, unless: tuned, when: file_exists('/etc/tune')}\n"
    ),
    "configcrates/telnet.vgo": "name: telnet\nresources:\n  - {name: install, type: package, package: telnet}\n",
    "templates/nginx.j2": "user www;\nworker_processes {{ vars.workers }};\nlisten {{ vars.http_port }};\n",
}


def verdict(test: str, files: Mapping[str, str] = FLEET) -> Verdict:
    found = graph.compile_tree(tree({**files, "tests/one.vgo": f"tests:\n  - name: one\n    {test}\n"}))
    assert found.graph is not None, [str(each) for each in found.diagnostics]
    (one,) = expectations.run(found.graph).tests
    return one


def failures(expect: str, *, hosts: str = "web01.example.com", more: str = "") -> list[str]:
    """Each failure in a line: the place of the expectation, what, expected, found, and where that comes from."""
    found = verdict(f"hosts: [{hosts}]{more}\n    expect: {expect}")
    assert found.passed is (not found.failures)
    return [told(each) for each in found.failures]


def told(failure: Failure) -> str:
    origin = failure.origin
    where = f" [{origin.file}:{origin.line}:{origin.column} {failure.source}]" if origin is not None else ""
    hint = f" ({failure.hint})" if failure.hint else ""
    return f"{failure.place.line}:{failure.place.column} {failure.about}: {failure.expected} / {failure.found}{where}{hint}"


@pytest.mark.parametrize(
    "expect",
    [
        "{matched: true}",
        "{environment: production}",
        "{roles: webserver}",
        "{roles: {include: [base], exclude: [], only: [webserver, base]}}",
        "{configcrates: [nginx, firewall, motd]}",
        "{configcrates: {exclude: telnet, only: [motd, firewall, nginx]}}",
        "{vars: {http_port: 443, ssh.port: 22, ssh: {port: 22}, ntp: [a, b, c]}}",
        "{vars: {http_port: {at_least: 443, at_most: 443.0}, workers: 4, sites: {contains: {name: shop}}}}",
        "{vars: {ntp: {contains: [c, a], excludes: d}, gone: {absent: true}, ssh: {contains: users, equals: {port: 22, users: {ada: 1}}}}}",
        "{resources: {nginx/conf: present, file:/etc/nginx/nginx.conf: present, 'file:/etc/nginx//nginx.conf': present}}",
        "{resources: {telnet/install: absent, package:telnet: absent, nginx/spare: absent, file:/etc/nginx/default: absent}}",
        "{resources: {motd/motd: {mode: '0644', state: present, content: {matches: '^web01', excludes: '2222'}}}}",
        '{resources: {nginx/conf: {content: "user www;\\nworker_processes 4;\\nlisten 443;\\n"}}}',
        "{resources: {nginx/sites: {content: {contains: server}}, 'nginx/sites[1]': {path: /etc/nginx/status.conf}}}",
        "{resources: {'nginx/sites[2]': absent}}",
    ],
)
def test_what_is_true_passes(expect: str) -> None:
    assert failures(expect) == []


def test_what_a_block_gives_is_told_with_the_line_that_gives_it() -> None:
    assert failures("{environment: lab}") == [
        "4:27 environment: lab / production [hosts.vgo:3:18 match-block]",
    ]
    assert failures("{roles: {exclude: [webserver, base]}}") == [
        "4:32 roles: excludes webserver / base, webserver [hosts.vgo:4:13 match-block]",
        "4:43 roles: excludes base / base, webserver [hosts.vgo:4:13 match-block]",
    ]
    assert failures("{roles: {only: [base]}}") == [
        "4:28 roles: only base / base, webserver [hosts.vgo:4:13 match-block]",
    ]


def test_a_crate_is_told_with_what_brings_it_or_takes_it_away() -> None:
    assert failures("{configcrates: [telnet, nginx], roles: [base]}") == [
        "4:29 configcrates: includes telnet / excluded by environments.vgo:production [environments.vgo:4:28 environments.vgo:production]",
    ]
    assert failures("{configcrates: [nginx]}", hosts="db01.example.com") == [
        "4:29 configcrates: includes nginx / nothing brings it",
    ]
    assert failures("{configcrates: {exclude: [motd, firewall, nginx]}}") == [
        "4:39 configcrates: excludes motd / motd, from common.vgo [common.vgo:1:16 common.vgo]",
        "4:45 configcrates: excludes firewall / firewall, from role:webserver [roles.vgo:2:25 role:webserver]",
        "4:55 configcrates: excludes nginx / nginx, from role:webserver [roles.vgo:5:20 role:webserver]",
    ]
    assert failures("{configcrates: {exclude: telnet, only: motd}}", hosts="db01.example.com") == [
        "4:38 configcrates: excludes telnet / telnet, from match-block [hosts.vgo:8:20 match-block]",
        "4:52 configcrates: only motd / telnet, from match-block [hosts.vgo:8:20 match-block]",
    ]


def test_a_var_is_told_with_its_writer_and_the_nearest_name() -> None:
    assert failures(
        "{vars: {http_port: 80, htpp_port: 443, ssh.prt: 1, ssh: {port: '22', users: {ada: {at_least: 2}, bob: 1}}}}"
    ) == [
        "4:32 vars.http_port: 80 / 443 [environments.vgo:3:23 environments.vgo:production]",
        "4:47 vars.htpp_port: 443 / nothing (did you mean http_port?)",
        "4:61 vars.ssh.prt: 1 / nothing [common.vgo:4:8 common.vgo] (did you mean port?)",
        '4:76 vars.ssh.port: "22" / 22 [common.vgo:4:15 common.vgo] (the one is text, the other is not: quotes decide)',
        "4:106 vars.ssh.users.ada: at least 2 / 1 [common.vgo:4:32 common.vgo]",
        "4:115 vars.ssh.users.bob: 1 / nothing [common.vgo:4:26 common.vgo]",
    ]
    assert failures("{vars: {ssh.port: 22}}", hosts="db01.example.com") == [
        "4:31 vars.ssh.port: 22 / 2222 [hosts.vgo:10:19 match-block]",
    ]
    assert failures(
        "{vars: {ntp: [a], workers: {at_most: 3}, http_port: {matches: '4'}, ssh: {absent: true}, ssh.port: {excludes: 2}}}"
    ) == [
        '4:26 vars.ntp: ["a"] / ["a", "b", "c"] [roles.vgo:6:33 role:webserver]',
        "4:50 vars.workers in nginx: at most 3 / 4 [configcrates/nginx.vgo:2:17 configcrate:nginx]",
        '4:75 vars.http_port: matches "4" / 443 [environments.vgo:3:23 environments.vgo:production] (only text matches)',
        '4:95 vars.ssh: nothing / {"port": 22, "users": {"ada": 1}} [common.vgo:4:8 common.vgo]',
        "4:123 vars.ssh.port: excludes 2 / 22 [common.vgo:4:15 common.vgo] (only text, a list or a map holds anything)",
    ]
    assert failures("{vars: {ntp: {excludes: [c, d], contains: [x, aa]}}}") == [
        '4:37 vars.ntp: excludes "c" / ["a", "b", "c"] [roles.vgo:6:33 role:webserver]',
        '4:55 vars.ntp: contains ["x", "aa"] / ["a", "b", "c"] [roles.vgo:6:33 role:webserver]',
    ]


def test_a_resource_is_told_with_its_line_and_what_keeps_it_out() -> None:
    assert failures(
        "{resources: {telnet/install: present, nginx/conf: absent, nginx/spare: present, 'nginx/sites[7]': present, package:telnet: {state: present}}}"
    ) == [
        "4:42 resources.telnet/install: present / absent (it does not have the configcrate telnet)",
        "4:63 resources.nginx/conf: absent / nginx/conf manages it [configcrates/nginx.vgo:4:5 configcrate:nginx]",
        "4:84 resources.nginx/spare: present / nginx/spare sees to it that it is not there [configcrates/nginx.vgo:13:64 configcrate:nginx]",
        "4:111 resources.nginx/sites[7]: present / absent (a condition (`when`) keeps it out, or `foreach` has no such item)",
        "4:136 resources.package:telnet: present / absent",
    ]


def test_what_a_file_holds_is_compared_as_it_is_rendered() -> None:
    assert failures(
        "{resources: {nginx/conf: {mode: '0644', source: x, content: {contains: 'listen 80;', excludes: worker}}}}"
    ) == [
        '4:45 resources.nginx/conf.mode: "0644" / nothing [configcrates/nginx.vgo:4:5 configcrate:nginx]',
        '4:61 resources.nginx/conf.source: "x" / "templates/nginx.j2" [configcrates/nginx.vgo:7:13 configcrate:nginx]',
        '4:84 resources.nginx/conf.content: contains "listen 80;" / "user www;\\nworker_processes 4;\\nlisten 443;\\n" [configcrates/nginx.vgo:7:13 configcrate:nginx] (the nearest line is "listen 443;")',
        '4:108 resources.nginx/conf.content: excludes "worker" / "user www;\\nworker_processes 4;\\nlisten 443;\\n" [configcrates/nginx.vgo:7:13 configcrate:nginx] (in line 2: "worker_processes 4;")',
    ]


def test_what_the_test_does_not_state_is_unknown_and_never_passes() -> None:
    assert failures(
        "{resources: {nginx/sites: {content: {contains: shop}}, nginx/tuned: present, firewall/deb: present, firewall/rules: {path: x}, file:/etc/x.rules: absent}}"
    ) == [
        '4:60 resources.nginx/sites[1].content: contains "shop" / "server status" [configcrates/nginx.vgo:12:14 configcrate:nginx]',
        "4:81 resources.nginx/tuned: present / unknown: file_exists('/etc/tune'): give it as answers: {file_exists: ...}",
        "4:104 resources.firewall/deb: present / unknown: traits.os.family: give it under the test's traits",
        "4:129 resources.firewall/rules: its parameters / unknown: traits.os.family: give it under the test's traits [configcrates/firewall.vgo:6:5 configcrate:firewall]",
        "4:159 resources.file:/etc/x.rules: absent / unknown: traits.os.family: give it under the test's traits",
    ]


def test_what_the_test_states_decides_conditions_and_templates() -> None:
    assert failures(
        "{resources: {nginx/tuned: present, firewall/deb: absent, firewall/rpm: present, firewall/rules: {path: /etc/debian.rules}}}",
        more="\n    traits: {os: {family: debian}}\n    answers: {file_exists: {/etc/tune: true}}",
    ) == [
        "6:62 resources.firewall/deb: absent / firewall/deb manages it [configcrates/firewall.vgo:4:5 configcrate:firewall]",
        "6:84 resources.firewall/rpm: present / absent (a condition (`when`) keeps it out, or `foreach` has no such item)",
    ]


def test_that_everything_renders_can_be_expected() -> None:
    assert failures("{renders: true}") == [
        "4:23 resources.firewall/deb: renders / unknown: traits.os.family: give it under the test's traits [configcrates/firewall.vgo:4:5 configcrate:firewall]",
        "4:23 resources.firewall/rpm: renders / unknown: traits.os.family: give it under the test's traits [configcrates/firewall.vgo:5:5 configcrate:firewall]",
        "4:23 resources.firewall/rules: renders / unknown: traits.os.family: give it under the test's traits [configcrates/firewall.vgo:6:5 configcrate:firewall]",
        "4:23 resources.nginx/tuned: renders / unknown: file_exists('/etc/tune'): give it as answers: {file_exists: ...} [configcrates/nginx.vgo:14:5 configcrate:nginx]",
    ]
    assert (
        failures(
            "{renders: true}",
            more="\n    traits: {os: {family: debian}}\n    answers: {file_exists: {/etc/tune: false}}",
        )
        == []
    )


def test_hosts_that_nothing_matches_fail_unless_that_is_expected() -> None:
    assert failures("{matched: false}") == [
        "4:23 matched: false / web*.example.com applies [hosts.vgo:2:12 match-block]",
    ]
    assert failures("{vars: {a: 1}}", hosts="web01.example.com, db02.example.com") == [
        "4:24 vars.a: 1 / nothing",
        "3:32 matched: true / no match block applies (did you mean db01.example.com?)",
    ]
    assert failures("{matched: false}", hosts="db02.example.com") == []


def test_usercrates_are_told_with_the_line_that_gives_them() -> None:
    files = {
        **FLEET,
        "common.vgo": FLEET["common.vgo"] + "usercrates: [shell]\n",
        "hosts.vgo": FLEET["hosts.vgo"] + "    usercrates: [jobs]\n",
        "usercrates/shell.vgo": "name: shell\n",
        "usercrates/jobs.vgo": "name: jobs\n",
    }

    def told_of(host: str, expect: str) -> list[str]:
        return [
            told(each)
            for each in verdict(f"hosts: {host}.example.com\n    expect: {{usercrates: {expect}}}", files).failures
        ]

    assert told_of("db01", "[shell, jobs]") == []
    assert told_of("db01", "{exclude: [shell, jobs]}") == [
        "4:37 usercrates: excludes shell / jobs, shell [common.vgo:5:14 common.vgo]",
        "4:44 usercrates: excludes jobs / jobs, shell [hosts.vgo:11:18 match-block]",
    ]
    assert told_of("web01", "{include: jobs}") == ["4:36 usercrates: includes jobs / shell"]


def test_a_test_is_about_every_block_that_may_have_such_a_host() -> None:
    def subjects(selector: str) -> int:
        return verdict(f"{selector}\n    expect: {{vars: {{ssh: {{contains: port}}}}}}").subjects

    assert subjects('match: "*.example.com"') == 2
    assert subjects('match: "w*"') == 1
    assert subjects("match: /db.*/") == 1
    assert subjects("environment: production") == 1
    assert subjects("role: base") == 1
    assert subjects("configcrate: telnet") == 1
    assert subjects("{match: '*', configcrate: motd}".strip("{}").replace(", ", "\n    ")) == 2


def test_a_block_that_never_applies_is_no_host_and_a_test_of_none_fails() -> None:
    files = {**FLEET, "z.vgo": 'envoys:\n  - {match: "web*.example.com", environment: lab, configcrates: [telnet]}\n'}

    both = verdict("match: /web.*/\n    expect: {configcrates: {exclude: telnet}}", files)
    none = verdict(
        "{environment: lab, role: base}".strip("{}").replace(", ", "\n    ") + "\n    expect: {renders: true}"
    )

    assert (both.passed, both.subjects) == (True, 1)
    assert (none.passed, none.subjects) == (False, 0)
    assert [told(each) for each in none.failures] == ["3:18 hosts: a host or match block / none that it could be about"]


def test_a_host_of_a_glob_has_no_name_to_render_with() -> None:
    found = verdict("environment: production\n    expect: {resources: {motd/motd: {content: {contains: kept}}}}")

    assert [told(each) for each in found.failures] == [
        "4:37 resources.motd/motd: its parameters / unknown: host.hostname: name the hosts under `hosts` [configcrates/motd.vgo:3:5 configcrate:motd]"
    ]
    assert verdict(
        "environment: lab\n    expect: {resources: {motd/motd: {content: {contains: db01.example.com}}}}"
    ).passed


def test_failures_beyond_a_bound_are_counted() -> None:
    hosts = ", ".join(f"web{number}.example.com" for number in range(150))
    found = verdict(f"hosts: [{hosts}]\n    expect: {{vars: {{http_port: 80}}}}")

    assert (len(found.failures), found.left_out, found.subjects) == (100, 50, 150)


def test_what_would_fail_on_the_host_fails_the_test() -> None:
    files = {
        **FLEET,
        "configcrates/motd.vgo": "name: motd\nresources:\n  - {name: motd, type: file, path: /etc/motd, mode: '{{ vars.http_port * 2 }}'}\n",
        "roles.vgo": "roles: {base: {}, webserver: {vars: {http_port: 80}}}\n",
        "hosts.vgo": "envoys:\n  - {match: db01.example.com, roles: [webserver], vars: {http_port: x}}\n",
    }
    found = verdict(
        "hosts: db01.example.com\n    expect: {resources: {motd/motd: {mode: '0644'}}, renders: true}", files
    )

    assert [each.found.partition(":")[0] for each in found.failures] == ["it fails", "it fails"]


def test_content_that_is_no_text_cannot_be_compared_and_renders_all_the_same() -> None:
    files = {
        "vigo.vgo": "language: 1\n",
        "hosts.vgo": "envoys: [{match: a.example.com, configcrates: a}]\n",
        "configcrates/a.vgo": "name: a\nresources:\n  - {name: bin, type: file, path: /bin/x, source: files/x}\n",
        "tests/one.vgo": (
            "tests:\n  - name: one\n    hosts: a.example.com\n"
            "    expect: {renders: true, resources: {a/bin: {path: /bin/x, content: {excludes: a}}}}\n"
        ),
        "files/x": b"\xff\xfe",
    }
    compiled = graph.compile_tree(MemoryTree(files)).graph
    assert compiled is not None
    (one,) = expectations.run(compiled).tests

    assert "".join(map(told, one.failures)) == (
        "4:48 resources.a/bin: its parameters / unknown: files/x is not UTF-8, so that its content is no text"
        " [configcrates/a.vgo:3:5 configcrate:a]"
    )


def test_what_is_sensitive_is_not_shown() -> None:
    secretive = (
        "name: motd\nresources:\n"
        "  - {name: key, type: file, path: /etc/key, content: hush, sensitive: true}\n"
        "  - {name: user, type: user, user: ada, password_hash: $6$hush}\n"
    )
    expect = "{motd/key: {content: {contains: x}}, motd/user: {password_hash: y}}"
    found = verdict(
        f"hosts: db01.example.com\n    expect: {{resources: {expect}}}", {**FLEET, "configcrates/motd.vgo": secretive}
    )

    assert [each.found for each in found.failures] == ["something else, which is not shown"] * 2
    assert "hush" not in found.model_dump_json()


def test_values_are_compared_as_a_file_means_them() -> None:
    block = "envoys: [{match: db01.example.com, vars: {d.e: {f: 1}, none: null, half: 0.5, one: 1.0, yes: true, list: []}}]\n"
    files = {**FLEET, "hosts.vgo": block}

    def failed(expect: str) -> list[str]:
        return [
            each.found for each in verdict(f"hosts: DB01.example.com\n    expect: {{vars: {expect}}}", files).failures
        ]

    assert failed("{d.e.f: 1, 'd.e': {f: 1}, none: null, half: 0.5, one: 1, 'yes': true, list: []}") == []
    assert failed("{none: {absent: true}, one: true, 'yes': 1, list: {contains: x}, half: {at_most: 0.4}}") == [
        "null", "1.0", "true", "[]", "0.5",
    ]  # fmt: skip


def test_a_key_with_dots_of_a_crates_own_is_found_and_odd_numbers_name_no_item() -> None:
    files = {**FLEET, "configcrates/motd.vgo": "name: motd\nvars: {a.b: {c: 1}}\nresources: []\n"}

    assert verdict("hosts: db01.example.com\n    expect: {vars: {a.b.c: 1, 'a.b': {c: 1}}}", files).passed
    odd = "{'nginx/sites[\u00b2]': absent, 'nginx/sites[99999999999]': absent, 'nginx/[0]': absent}"
    assert failures(f"{{resources: {odd}}}") == []


def test_results_stand_in_the_order_of_files_and_nothing_is_a_pass() -> None:
    assert expectations.run(_graph({})).model_dump() == {"passed": True, "commit": None, "tests": []}
    two = _graph(
        {
            "tests/b.vgo": "tests: [{name: last, match: '*', expect: {renders: true}}]\n",
            "tests/a/z.vgo": "tests: [{name: first, hosts: db01.example.com, expect: {matched: true}}]\n",
        }
    )
    found = expectations.run(two)
    assert [(each.name, each.place.file, each.place.line, each.place.column) for each in found.tests] == [
        ("first", "tests/a/z.vgo", 1, 16),
        ("last", "tests/b.vgo", 1, 16),
    ]
    assert not found.passed


def test_tests_change_nothing_of_what_hosts_are_to_be() -> None:
    plain, tested = (
        _graph({}),
        _graph({"tests/a.vgo": "tests: [{name: a, hosts: db01.example.com, expect: {matched: true}}]\n"}),
    )
    assert plain.plan_root == tested.plan_root


def _graph(more: Mapping[str, str]) -> Any:
    found = graph.compile_tree(tree({**FLEET, **more}))
    assert found.graph is not None, [str(each) for each in found.diagnostics]
    return found.graph


def test_what_a_secret_decides_is_unknown() -> None:
    secret = {
        "hosts.vgo": "envoys:\n  - {match: h, configcrates: [c]}\n",
        "configcrates/c.vgo": (
            "name: c\nvars: {password: 'secret:a/b'}\nresources:\n"
            "  - {name: one, type: package, package: one, when: vars.password == 'x'}\n"
        ),
    }
    found = verdict("hosts: [h]\n    expect: {resources: {c/one: absent, package:two: absent}}", secret)
    (told_one,) = map(told, found.failures)
    unknown = "secret:a/b: nobody but the host has the value that `vars.password == 'x'` asks for"
    assert told_one == f"4:33 resources.c/one: absent / unknown: {unknown}"


DERIVING: Mapping[str, str] = {
    "hosts.vgo": "envoys:\n  - {match: h, configcrates: [c]}\n",
    "configcrates/c.vgo": (
        "name: c\nvars: {pw: 'secret:a/b', db: {password: 'secret:c', port: 1}, users: [{name: ada, key: 'secret:d'}]}\n"
        "resources:\n"
        "  - {name: sum, type: file, path: /sum, mode: '0644', content: '{{ vars.pw | sha256 }}'}\n"
        "  - {name: via, type: file, path: /via, source: files/via.j2}\n"
        "  - {name: as-is, type: file, path: /as-is, content: '{{ vars.pw }} {{ vars.db.port + 1 }}'}\n"
        "  - {name: named, type: file, path: '/{{ vars.pw | length }}', content: x}\n"
        "  - {name: each, type: file, foreach: 'vars.pw.split()', path: '/each/{{ item }}', content: x}\n"
        "  - {name: user, type: file, foreach: vars.users, path: '/u/{{ item.name | upper }}',"
        " content: '{{ item.key | b64encode }}'}\n"
        "  - {name: gone, type: file, path: /gone, state: \"{{ 'absent' if vars.pw == 'x' else 'file' }}\"}\n"
    ),
    "files/via.j2": "{% set x = vars.db.password %}{{ x | sha256 }}\n",
}
DIGEST = "content: {matches: '^[0-9a-f]{64}'}"


@pytest.mark.parametrize(
    ("expect", "about", "names"),
    [
        ("{c/sum: {" + DIGEST + "}}", "resources.c/sum.content: a value / unknown: it", "secret:a/b"),
        ("{c/via: {" + DIGEST + "}}", "resources.c/via.content: a value / unknown: it", "secret:c"),
        ("{c/user: {content: {contains: c2VjcmV0}}}", "resources.c/user.content: a value / unknown: it", "secret:d"),
        ("{'file:/10': present}", "resources.file:/10: present / unknown: path", "secret:a/b"),
        ("{c/each: present}", "resources.c/each: present / unknown: what `foreach` goes through", "secret:a/b"),
        ("{c/gone: present}", "resources.c/gone: present / unknown: state", "secret:a/b"),
    ],
)
def test_what_is_computed_from_a_secret_is_unknown(expect: str, about: str, names: str) -> None:
    found = verdict(f"hosts: [h]\n    expect: {{resources: {expect}}}", DERIVING)
    (told_one,) = (told(each).partition(" ")[2].partition(" [")[0] for each in found.failures)
    assert told_one == f"{about} depends on {names}, and nobody but the host has the value"


@pytest.mark.parametrize(
    "expect",
    [
        "{c/sum: {mode: '0644', path: /sum}}",
        "{c/as-is: {content: 'secret:a/b 2'}}",
        "{'c/user[0]': {path: /u/ADA}}",
        "{'file:/u/ADA': present}",
    ],
)
def test_what_a_secret_has_no_part_in_is_known(expect: str) -> None:
    found = verdict(f"hosts: [h]\n    expect: {{resources: {expect}}}", DERIVING)
    assert found.passed, found.failures


@pytest.mark.parametrize("text", ["{{ vars.pw | int }}", "{{ vars.pw | sha256 }}"])
def test_what_does_not_render_with_a_secrets_name_may_well_with_its_value(text: str) -> None:
    files = {
        **DERIVING,
        "configcrates/c.vgo": (
            "name: c\nvars: {pw: 'secret:a/b'}\nresources:\n"
            f"  - {{name: sum, type: file, path: /sum, mode: '{text}', content: x}}\n"
        ),
    }
    found = verdict("hosts: [h]\n    expect: {renders: true}", files)
    assert [each.found.startswith("unknown: whether it renders (mode") for each in found.failures] == [True]
    assert "secret:a/b" in found.failures[0].found
