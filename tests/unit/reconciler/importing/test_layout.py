"""An inventory as roles and match blocks: equal for every host, and no secret in it."""

from __future__ import annotations

from typing import Any

from reconciler import graph
from reconciler.documents.compose import compose
from reconciler.importing import fitting
from reconciler.importing.proposals import Proposal
from schema.merging import settle
from tests.unit.reconciler.importing.inventories import proposed, said


def hosts(proposal: Proposal) -> dict[str, dict[str, Any]]:
    """What the language makes of a proposal, host by host."""
    fitted = fitting.fit(proposal, None)
    assert fitted.diagnostics == []
    compiled = graph.compile_tree(fitted.tree).graph
    assert compiled is not None
    found = {}
    for name in proposal.hosts:
        profile = compiled.match(name)
        assert profile is not None
        found[name] = settle(profile.resolution.vars)
    assert found == proposal.hosts
    return found


def test_all_is_inherited_groups_are_roles_and_hosts_are_blocks() -> None:
    proposal = proposed(
        "[web]\nw[1:2] own=1\n[prod:children]\nweb\n[prod:vars]\nenv=prod\n", beside={"group_vars/all.yml": "ntp: [a]"}
    )
    assert compose(proposal.files["hosts/common.vgo"]).data == {"vars": {"ntp": ["a"]}}
    assert proposal.roles == {
        "web": {"description": "Ansible's group web.", "includes": ["prod"]},
        "prod": {"description": "Ansible's group prod.", "vars": {"env": "prod"}},
    }
    assert compose(proposal.files["hosts/web.vgo"]).data == {
        "envoys": [
            {"match": "w1", "roles": ["web"], "vars": {"own": 1}},
            {"match": "w2", "roles": ["web"], "vars": {"own": 1}},
        ]
    }
    assert hosts(proposal)["w1"] == {"ntp": ["a"], "env": "prod", "own": 1}
    assert said(proposal) == ""


def test_where_ansible_replaces_a_map_the_var_is_written_with_the_innermost_group() -> None:
    proposal = proposed(
        "[web]\nw1\n[db]\nd1\n",
        beside={"group_vars/all.yml": "cfg: {a: 1, b: 2}\nx: 1", "group_vars/web.yml": "cfg: {a: 3}"},
    )
    assert hosts(proposal) == {"w1": {"cfg": {"a": 3}, "x": 1}, "d1": {"cfg": {"a": 1, "b": 2}, "x": 1}}
    assert "precedence: cfg: Ansible replaces" in said(proposal)
    assert compose(proposal.files["hosts/common.vgo"]).data == {"vars": {"x": 1}}
    assert proposal.roles["web"]["vars"] == {"cfg": {"a": 3}}
    assert proposal.roles["db"]["vars"] == {"cfg": {"a": 1, "b": 2}}


def test_where_hosts_of_a_group_differ_the_var_is_written_with_each() -> None:
    proposal = proposed(
        "[web]\nw1\nw2\nw3\n",
        beside={"group_vars/web": "cfg: {a: 1}", "host_vars/w2": "cfg: {b: 2}", "host_vars/w3": "cfg: 3"},
    )
    assert hosts(proposal) == {"w1": {"cfg": {"a": 1}}, "w2": {"cfg": {"b": 2}}, "w3": {"cfg": 3}}
    assert "vars" not in proposal.roles["web"]


def test_groups_are_listed_one_by_one_where_includes_would_order_them_otherwise() -> None:
    # b is deeper than a; with includes the order of the language is another one.
    text = "[a]\nh\n[z]\n[z:children]\nb\n[b]\nh\n[a:vars]\nv=a\n[z:vars]\nv=z\n[b:vars]\nw=b\n"
    assert hosts(proposed(text))["h"] == {"v": "z", "w": "b"}


def test_what_no_host_sees_is_left_out_with_a_note() -> None:
    proposal = proposed("[web]\nw1\n[web:vars]\nx=web\n", beside={"group_vars/all": "x: all"})
    assert hosts(proposal) == {"w1": {"x": "all"}}
    assert "group web: x: never seen by a host" in said(proposal)


def test_how_ansible_connects_is_left_out() -> None:
    proposal = proposed("w1 ansible_host=10.0.0.1 ansible_user=root ansible_password=hunter2 a=1\nw2:22\n")
    assert hosts(proposal) == {"w1": {"a": 1}, "w2": {}}
    assert "hunter2" not in str(proposal)
    assert "ansible_host, ansible_password, ansible_port, ansible_user" in said(proposal)


def test_an_alias_for_another_name_is_told() -> None:
    assert "web (web01.example.com)" in said(proposed("web ansible_host=web01.example.com\nip ansible_host=10.0.0.1\n"))


def test_secrets_become_references() -> None:
    vars_ = """
db_password: hunter2-plain
apiToken: 0123456789
nested: {list: [{private_key: very-private}]}
url: https://user:hunter2@example.com/
hash: $6$saltsalt$abcdefghijklmnopqrstuvwxyz
pem: |
  -----BEGIN RSA PRIVATE KEY-----
  MIIE
sealed: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  616263
by_reference: "{{ vault_by_reference }}"
password_min_length: 12
no_password: ""
allow_token: true
"""
    proposal = proposed(
        "[web]\nw1\n", beside={"group_vars/web.yml": vars_, "host_vars/w1/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n61\n"}
    )
    found = hosts(proposal)["w1"]
    assert found == {
        "db_password": "secret:ansible/group/web/db_password",
        "apiToken": "secret:ansible/group/web/apiToken",
        "nested": {"list": [{"private_key": "secret:ansible/group/web/nested/list/0/private_key"}]},
        "url": "secret:ansible/group/web/url",
        "hash": "secret:ansible/group/web/hash",
        "pem": "secret:ansible/group/web/pem",
        "sealed": "secret:ansible/group/web/sealed",
        "by_reference": "secret:ansible/group/web/by_reference",
        "password_min_length": 12,
        "no_password": "",
        "allow_token": True,
    }
    everything = str(proposal) + said(proposal)
    for clear in ("hunter2", "0123456789", "very-private", "MIIE", "616263", "$6$"):
        assert clear not in everything
    assert "host_vars/w1/vault.yml: is sealed by ansible-vault as a whole" in everything


def test_two_places_never_share_a_secret() -> None:
    proposal = proposed("a.b password=x1\na-b password=x2\n")
    found = hosts(proposal)
    assert found["a.b"]["password"] != found["a-b"]["password"]


def test_what_the_language_would_take_for_something_else_is_left_out() -> None:
    vars_ = (
        'a+: [1]\nnested: {"b+": [1]}\nimage: "vault-secret:latest"\ntemplate: "{{ a }} {% if b %}"\nnan: .nan\nok: 1'
    )
    proposal = proposed("w1\n", beside={"group_vars/all": vars_})
    assert hosts(proposal) == {"w1": {"template": "{{ a }} {% if b %}", "ok": 1}}
    notes = said(proposal)
    for about in ("all: a+", "all: nested", "all: image", "all: nan", "templates: template"):
        assert about in notes


def test_a_weaker_value_does_not_take_the_place_of_one_that_was_left_out() -> None:
    proposal = proposed("w1\nw2\n", beside={"group_vars/all": "x: 1", "host_vars/w1": "x: .nan"})
    assert hosts(proposal) == {"w1": {}, "w2": {"x": 1}}


def test_names_that_roles_and_hosts_cannot_have_are_changed_or_left_out() -> None:
    proposal = proposed("[_web?!]\nw1\nW1\nhas_underscore\n[common]\nc1\n[a]\nx\n[-a]\nx\n")
    assert set(proposal.hosts) == {"w1", "c1", "x"}
    assert list(proposal.roles) == ["web-", "common", "a", "a-2"]
    assert "hosts/common-hosts.vgo" in proposal.files
    hosts(proposal)
    assert "W1, has_underscore" in said(proposal)


def test_many_hosts_are_split_over_files() -> None:
    proposal = proposed("[web]\nw[1:4500]\n")
    assert sorted(proposal.files) == ["hosts/web-part2.vgo", "hosts/web-part3.vgo", "hosts/web.vgo"]
    assert len(hosts(proposal)) == 4_500
