"""Laws of previews: what is told of a host, put on what it was, gives what it will be. Nothing missed, nothing made up.

What hosts come to is worked out here from their catalogs, as an agent does, without any of the preview's shortcuts.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.graph import Cache, Graph, Profile
from reconciler.previews import compare, of_hosts
from schema.expressions import ExpressionError, Kind, Renderer
from schema.merging import effective, settle
from schema.previews import ChangeClass, RevisionPreview
from schema.protocol.desired import CrateObject
from tests.effort import tries
from tests.factories.previews import compiled, crate, here

HOSTS = ("web01.example.com", "web02.example.com", "db01.example.com", "lost.example.org")
RESOURCES = (
    '{name: a, type: file, path: /a, content: "%s"}',
    '{name: b, type: file, path: "/b/{{ vars.x }}", content: "{{ host.hostname }} %s"}',
    '{name: c, type: file, path: /c, content: "{{ traits.os.version }}%s", when: "traits.os.family == \'debian\'"}',
    '{name: d, type: file, foreach: vars.many, path: "/d/{{ item }}", content: "{{ vars.y | default(%s0) }}"}',
    "{name: e, type: package, package: p%s, on_removal: report}",
    '{name: f, type: file, path: /f, source: templates/%s.j2, mode: "0644"}',
    '{name: g, type: file, path: /g, content: "{{ host.environment }}{{ host.hostname | upper }}%s"}',
    "{name: h, type: file, path: /h, content: \"%s\", when: file_exists('/x')}",
    '{name: i, type: file, path: /i, content: "{{ 6 // vars.y }}%s"}',
)
TEMPLATES = {"templates/1.j2": "one\n{{ vars.x }}\n", "templates/2.j2": "two\n{{ vars.x }}\n"}
NAMES = ("red", "green", "blue")

resources = st.lists(st.tuples(st.sampled_from(range(len(RESOURCES))), st.sampled_from("12")), unique_by=lambda r: r[0])
crates = st.fixed_dictionaries(dict.fromkeys(NAMES, resources))
blocks = st.tuples(st.lists(st.sampled_from(NAMES), unique=True), st.sampled_from(["", "prod"]), st.integers(0, 2))
trees = st.tuples(crates, blocks, blocks, st.sampled_from(["web*", "*", "web01.example.com"]))
traits_of = st.sampled_from(
    [None, {"os": {"family": "debian", "version": "12"}}, {"os": {"family": "debian", "version": "13"}},
     {"os": {"family": "suse", "version": "15"}}]
)  # fmt: skip


def files_of(drawn: Any) -> dict[str, str]:
    kinds, one, two, pattern = drawn
    files = {"environments.vgo": "environments: {prod: {vars: {z: 1}}}\n", **TEMPLATES}
    for name, listed in kinds.items():
        made = [(RESOURCES[at] % word).replace("path: /", f"path: /{name}/").replace("package: ", f"package: {name}")
                .replace('path: "/', f'path: "/{name}/') for at, word in listed]  # fmt: skip
        files[f"configcrates/{name}.vgo"] = crate(*made, name=name) if made else f"name: {name}\nresources: []\n"
    listed = []
    for match, (names, environment, number) in ((pattern, one), ("db*", two)):
        more = f", environment: {environment}" if environment else ""
        vars_ = f"{{x: x{number}, y: {number}, many: {['m'] * number}}}"
        listed.append(f"  - {{match: {match!r}, configcrates: [{', '.join(names)}], vars: {vars_}{more}}}\n")
    files["hosts.vgo"] = "envoys:\n" + "".join(listed)
    return files


def meaning(graph: Graph, host: str, traits: Any) -> dict[str, Any]:
    """Resource id → what it comes to: attributes item by item, or a word where there is nothing to show."""
    profile = graph.match(host)
    found: dict[str, Any] = {}
    renderer = Renderer()
    for ref in profile.catalog.crates if profile is not None else ():
        assert profile is not None
        body = graph.object(ref.sha256)
        assert body is not None
        made = CrateObject.model_validate_json(body)
        scope = {
            "vars": effective(made.vars, profile.catalog.vars),
            "traits": traits or {},
            "host": {"hostname": host, "environment": profile.environment, "roles": list(profile.roles)},
        }
        for resource in made.resources:
            asks = "traits" in str((resource.when, resource.spec))
            if asks and traits is None:
                found[resource.id] = ("unknown", resource.model_dump(exclude={"line", "file"}))
                continue
            try:
                if resource.when is not None and not renderer.holds(resource.when, scope):
                    found[resource.id] = "excluded"
                    continue
                items = [None] if resource.foreach is None else renderer.evaluate(str(resource.foreach), scope)
                rendered = []
                for item in items:
                    attributes = renderer.render_value(resource.spec, {**scope, "item": item})
                    if "content" in attributes:
                        attributes["content"] = renderer.render(str(resource.spec["content"]), {**scope, "item": item})
                    if "source" in attributes:
                        text = graph.object(profile.catalog.content[attributes.pop("source")].sha256)
                        assert text is not None
                        attributes["content"] = renderer.render(text.decode(), scope)
                    rendered.append(attributes)
                found[resource.id] = rendered
            except ExpressionError as error:
                kind = "unknown" if error.kind is Kind.UNKNOWN else "fails"
                found[resource.id] = (kind, resource.model_dump(exclude={"line", "file"}))
    return found


def expected(before: Any, after: Any) -> set[str]:
    """The actions that may be told of a resource; empty: nothing."""
    if before == after or (before is None and after == "excluded") or (before == "excluded" and after is None):
        return set()
    if isinstance(after, tuple) and after[0] == "fails":
        failed = isinstance(before, tuple) and before[0] == "fails"
        return {"fails", ""} if failed else {"fails"}
    if before is None:
        return {"added"}
    if after is None:
        return {"removed"}
    if before == "excluded":
        return {"starts"}
    if after == "excluded":
        return {"stops"}
    return {"changed"}


def under(profile: Profile | None) -> set[str]:
    return set(profile.configcrates) if profile is not None else set()


def changed_vars(profile: Profile, told: ChangeClass) -> dict[str, Any]:
    vars_ = settle(profile.resolution.vars)
    for change in told.vars:
        if change.action == "removed":
            del vars_[change.key]
        else:
            vars_[change.key] = change.other
    return vars_


@settings(max_examples=tries(15, 1_750))
@given(trees, trees, st.fixed_dictionaries(dict.fromkeys(HOSTS, traits_of)), st.booleans())
def test_what_is_told_of_a_host_leads_from_what_it_was_to_what_it_will_be(
    one: Any,
    two: Any,
    said: dict[str, Any],
    together: bool,
) -> None:
    cache = Cache()
    base = compiled(files_of(one), cache)
    other = compiled(files_of(two), cache if together else Cache())
    comparison = compare(base, other, of_hosts(base, other, HOSTS))
    seen = {host: traits for host, traits in said.items() if traits is not None}
    found: RevisionPreview = comparison.answer({h: seen[h] for h in comparison.asking if h in seen}, here)

    told: dict[str, ChangeClass] = {}
    for each in found.classes:
        assert each.count == len(each.hosts)
        for host in each.hosts:
            assert host not in told, "classes are disjoint"
            told[host] = each
    assert len(told) + found.unchanged + found.unmanaged == found.hosts == len(HOSTS)

    for host in HOSTS:
        before, after = base.match(host), other.match(host)
        each = told.get(host)
        if each is None:
            assert (before and before.catalog_sha256) == (after and after.catalog_sha256)
            continue
        assert (before is None, after is None) == (each.membership == "gained", each.membership == "lost")
        crates_now = under(before) | {c.name for c in each.crates if c.action == "added"}
        assert crates_now - {c.name for c in each.crates if c.action == "removed"} == under(after)
        if before is None or after is None:
            assert each.membership != "lost" or each.resources == []
            if after is None:
                continue
        else:
            assert changed_vars(before, each) == settle(after.resolution.vars)
            assert bool(each.environment) == (before.environment != after.environment)
        was, now = meaning(base, host, said[host]), meaning(other, host, said[host])
        actions = {change.id: change.action for change in each.resources}
        for name in {*was, *now, *actions}:
            may = expected(was.get(name), now.get(name))
            unknown = any(isinstance(side.get(name), tuple) and side[name][0] == "unknown" for side in (was, now))
            if unknown and name in was and name in now:
                continue  # as written they may be the same, and what they read may not be
            assert actions.get(name, "") in (may or {""}), (name, was.get(name), now.get(name))
        for change in each.resources:
            if change.action == "changed" and change.maybe is None and each.example == host:
                assert applied(was[change.id], change) == now[change.id]
        certain = any(change.maybe is None for change in each.resources) or each.membership != "kept" or each.reordered
        assert each.certainty == ("change" if certain else "maybe" if each.resources else "none")


def applied(rendered: Any, change: Any) -> Any:
    """What a resource came to, with the attributes that were told to change. Texts of lines are taken as they are."""
    if not isinstance(rendered, list):  # it failed before: all of it is told
        rendered = []
    items = {f"[{number}]" if change.attributes and change.attributes[0].item else "": dict(attributes)
             for number, attributes in enumerate(rendered)}  # fmt: skip
    for each in change.attributes:
        item = (each.item or "").removeprefix(change.id)
        attributes = items.setdefault(item, {})
        if each.diff is not None:
            old, new = (
                "".join(row[1:] + "\n" for row in each.diff.splitlines() if row[0] in f"{sign} ") for sign in "-+"
            )
            assert attributes.get(each.name, "") == old
            attributes[each.name] = new
        elif each.other is None:
            del attributes[each.name]
        else:
            attributes[each.name] = each.other
    return [items[key] for key in sorted(items) if items[key]]
