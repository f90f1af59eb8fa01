"""Catalogs and crate objects: what is signed, and what it names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.graph import encoding, plan
from schema import canonical
from schema.protocol.desired import Catalog, CrateObject
from tests.unit.reconciler.graph.conftest import Compile

WEB = """\
name: web
vars: {port: 80, vhosts: [{name: a}], key: secret:web/key}
depends_on: base
when: traits.os.family == 'debian'
defaults: {owner: root, on_host: x}
resources:
  - name: install
    type: package
    package: nginx
    on_removal: report
  - name: conf
    type: file
    path: /etc/nginx.conf
    source: templates/nginx.j2
    notify: reload
    depends_on: install

  - name: vhosts
    type: file
    foreach: vars.vhosts
    when: host.environment == 'lab'
    path: /etc/vhosts/{{ item.name }}
    content: "{{ item.name }} secret:web/cert"
    owner: www
    before: [conf, reload]
  - type: file
    path: /srv/logo
    source: files/logo.bin
  - name: reload
    type: service
    service: nginx
    state: reloaded
    subscribes: [vhosts, vhosts]
"""
FILES = {
    "configcrates/web.vgo": WEB.replace(", on_host: x", ""),
    "configcrates/base.vgo": "name: base\n",
    "templates/nginx.j2": "listen {{ vars.port }} secret:tls/nginx\n",
    "files/logo.bin": "logo secret:not/one\n",
    "x.vgo": "envoys:\n  - match: a.example.com\n    configcrates: [web, base]\n    vars: {db: secret:db/a}\n  - match: b\n",
}


def test_a_crate_object_says_all_that_a_host_needs(compiled: Compile) -> None:
    whole = compiled(FILES)
    body = whole.crates["web"].crate.body
    crate = CrateObject.model_validate(canonical.loads(body))
    assert (crate.name, crate.when) == ("web", "traits.os.family == 'debian'")
    assert crate.vars == {"port": 80, "vhosts": [{"name": "a"}], "key": "secret:web/key"}
    told = [
        {key: value for key, value in each.model_dump(exclude_defaults=True).items() if key != "file"}
        for each in crate.resources
    ]
    assert told == [
        {"id": "web/install", "type": "package", "spec": {"package": "nginx"}, "on_removal": "report", "line": 7},
        {
            "id": "web/conf",
            "type": "file",
            "spec": {"owner": "root", "path": "/etc/nginx.conf", "source": "templates/nginx.j2"},
            "requires": ["web/install", "web/vhosts"],
            "notify": ["web/reload"],
            "line": 11,
        },
        {
            "id": "web/vhosts",
            "type": "file",
            "foreach": "vars.vhosts",
            "when": "host.environment == 'lab'",
            "spec": {
                "owner": "www",
                "path": "/etc/vhosts/{{ item.name }}",
                "content": "{{ item.name }} secret:web/cert",
            },
            "notify": ["web/reload"],
            "line": 18,
        },
        {
            "id": "web//srv/logo",
            "type": "file",
            "spec": {"owner": "root", "path": "/srv/logo", "source": "files/logo.bin"},
            "line": 26,
        },
        {
            "id": "web/reload",
            "type": "service",
            "spec": {"service": "nginx", "state": "reloaded"},
            "requires": ["web/vhosts"],
            "on_notify_only": True,
            "line": 29,
        },
    ]
    assert {each.file for each in crate.resources} == {"configcrates/web.vgo"}


@pytest.mark.parametrize(("key", "mode"), [("", "enforce"), ("audit: false", "enforce"), ("audit: true", "audit")])
def test_what_is_only_to_be_reported_is_signed_as_such(compiled: Compile, key: str, mode: str) -> None:
    text = f"name: web\nresources:\n- type: file\n  path: /etc/motd\n  mode: '0644'\n  {key}\n"
    whole = compiled({**FILES, "configcrates/web.vgo": text})
    crate = CrateObject.model_validate(canonical.loads(whole.crates["web"].crate.body))
    assert [each.mode for each in crate.resources] == [mode]


def test_a_catalog_is_canonical_and_names_what_it_needs(compiled: Compile) -> None:
    whole = compiled(FILES)
    profile = whole.profiles["x.vgo#a.example.com"]
    assert canonical.dumps(canonical.loads(profile.catalog_body)) == profile.catalog_body
    assert profile.catalog_sha256 == hashlib.sha256(profile.catalog_body).hexdigest()
    catalog = Catalog.model_validate(canonical.loads(profile.catalog_body))
    assert catalog == profile.catalog
    assert (catalog.environment, catalog.roles, catalog.vars) == ("", [], {"db": "secret:db/a"})
    assert [(ref.name, ref.requires) for ref in catalog.crates] == [("base", []), ("web", ["base"])]
    assert set(catalog.content) == {"templates/nginx.j2", "files/logo.bin"}
    # Those of its vars, its crates and its templates; never what only looks like one in a file that is not rendered.
    assert catalog.secrets == ["db/a", "tls/nginx", "web/cert", "web/key"]
    assert list(profile.secrets) == catalog.secrets
    assert profile.resource_count == 5


def test_everything_that_a_catalog_names_can_be_fetched_by_its_digest(compiled: Compile) -> None:
    whole = compiled(FILES)
    catalog = whole.profiles["x.vgo#a.example.com"].catalog
    for ref in (*catalog.crates, *catalog.content.values()):
        data = whole.object(ref.sha256)
        assert data is not None
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (ref.sha256, ref.size)
    assert whole.object("0" * 64) is None


def test_profiles_that_resolve_alike_share_one_catalog(compiled: Compile) -> None:
    whole = compiled(
        {
            **FILES,
            "y.vgo": "envoys:\n  - match: c.example.com\n    configcrates: [base, web]\n    vars: {db: secret:db/a}\n",
        }
    )
    one, other = whole.profiles["x.vgo#a.example.com"], whole.profiles["y.vgo#c.example.com"]
    assert one.catalog_sha256 == other.catalog_sha256
    assert one.catalog_body is other.catalog_body
    assert one.id != other.id


def test_no_host_name_stands_in_a_catalog(compiled: Compile) -> None:
    whole = compiled(FILES)
    assert b"example.com" not in b"".join(each.catalog_body for each in whole.profiles.values())


def test_vars_that_need_the_slow_encoder_are_canonical_too(compiled: Compile) -> None:
    whole = compiled(
        {"x.vgo": 'envoys:\n  - match: a\n    vars: {r: 1.0, e: 1e21, "\U0001f600": 1, "\ufb33": 2, "é": 0.1}\n'}
    )
    body = whole.profiles["x.vgo#a"].catalog_body
    assert canonical.loads(body)["vars"] == {"r": 1, "e": 1e21, "\U0001f600": 1, "\ufb33": 2, "é": 0.1}
    assert b'"r":1,' in body or b'"r":1}' in body


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])), inner, max_size=4)
    ),
)


@given(values)
def test_the_quick_encoder_writes_what_the_canonical_one_writes(value: Any) -> None:
    assert encoding.dumps(value) == canonical.dumps(value)


@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])), st.integers(0, 9), max_size=5))
def test_joined_pieces_are_canonical(value: dict[str, int]) -> None:
    pieces = {key: encoding.pair(key, encoding.dumps(item)) for key, item in value.items()}
    assert encoding.joined_map(pieces) == canonical.dumps(value)
    assert encoding.joined_list([encoding.text(key) for key in value]) == canonical.dumps(list(value))


def merkle(leaves: set[bytes], digits: str = "") -> bytes:
    """The root of a plan, as docs/decisions/0011 writes it."""
    if len(leaves) <= plan.BUCKET:
        return hashlib.sha256(b"\1" + b"".join(sorted(leaves))).digest()
    below = [f"{digits}{digit}" for digit in "0123456789abcdef"]
    hashes = [merkle({leaf for leaf in leaves if leaf.hex().startswith(each)}, each) for each in below]
    return hashlib.sha256(b"\2" + b"".join(hashes)).digest()


def leaf_of(seed: int) -> bytes:
    """One of leaves of which many begin alike."""
    alike = b"\xab\xcd\xef"[: seed % 4]
    return alike + hashlib.sha256(str(seed).encode()).digest()[len(alike) :]


sets = st.builds(
    lambda start, count, step: {leaf_of(seed) for seed in range(start, start + count * step, step)},
    st.integers(0, 40),
    st.sampled_from([0, 1, 2, 60, 64, 65, 70, 200, 900]),
    st.integers(1, 3),
)


@given(sets, st.lists(sets, max_size=3))
def test_the_plan_root_is_that_of_its_leaves_however_it_is_come_by(
    leaves: set[bytes], history: list[set[bytes]]
) -> None:
    made = plan.build(leaves)
    for fresh in history:
        before, old = made, set(leaves)
        made, leaves = plan.change(made, leaves - fresh, fresh - leaves), fresh
        assert made == plan.build(leaves)
        assert plan.leaves(before) == sorted(old)
    assert plan.leaves(made) == sorted(leaves)
    assert made.root == merkle(leaves)


def test_the_plan_root_covers_every_profile(compiled: Compile) -> None:
    whole = compiled(FILES)
    leaves = set()
    for profile in whole.order:
        path, _, pattern = profile.id.partition("#")
        leaves.add(hashlib.sha256(b"\0" + canonical.dumps([path, pattern, profile.catalog_sha256])).digest())
    assert {profile.leaf_hash for profile in whole.order} == leaves
    assert len(leaves) == len(whole.profiles)
    assert whole.plan_root == merkle(leaves).hex()


def test_the_plan_root_of_nothing_is_that_of_an_empty_bucket(compiled: Compile) -> None:
    assert compiled({}).plan_root == hashlib.sha256(b"\1").hexdigest()


@pytest.mark.parametrize("text", ["a", "ü", "\u2028", '"\\\b\f\n\r\t\x00\x1f\x7f'])
def test_strings_are_escaped_as_rfc_8785_says(text: str) -> None:
    assert encoding.text(text) == canonical.dumps(text)
    assert json.loads(encoding.text(text)) == text
