"""Symbols, layout and fixes."""

from __future__ import annotations

import pytest

from reconciler.authoring import Span, Text, fixes, layout, symbols
from reconciler.authoring.snapshots import snapshot_of
from reconciler.authoring.symbols import Symbol
from reconciler.documents.formatting import NotFormattable, canonical
from reconciler.documents.kinds import Kind
from schema.diagnostics import Diagnostic
from tests.factories.trees import tree
from tests.factories.typed import SITE

WHOLE = Span(1, 1, 10_000, 1)


def told(found: list[Symbol]) -> list[object]:
    return [(each.name, each.sort.value, [inner.name for inner in each.children]) for each in found]


def test_the_symbols_of_a_crate_a_leaf_roles_and_a_workflow() -> None:
    crate = Text(SITE["configcrates/web/nginx.vgo"])
    assert told(symbols.of(Kind.CONFIGCRATE, crate)) == [("nginx", "crate", ["nginx_port", "conf", "port", "reload"])]
    leaf = Text(SITE["production/web.vgo"])
    assert told(symbols.of(Kind.LEAF, leaf)) == [
        ("web*.example.com", "match block", []),
        ("db1.example.com", "match block", ["nginx_port"]),
    ]
    roles = Text(SITE["roles.vgo"])
    assert told(symbols.of(Kind.ROLES, roles)) == [("base", "role", []), ("web", "role", ["nginx_port"])]
    workflow = Text(SITE["workflows/deploy.vgo"])
    assert told(symbols.of(Kind.WORKFLOW, workflow)) == [("deploy", "task", ["version", "go", "undo"])]


def test_a_symbol_holds_its_name_and_its_children() -> None:
    def check(symbol: Symbol) -> None:
        assert symbol.span.start <= symbol.selected.start <= symbol.selected.end <= symbol.span.end
        for each in symbol.children:
            assert symbol.span.start <= each.span.start <= each.span.end <= symbol.span.end
            check(each)

    for path, source in SITE.items():
        kind = snapshot_of(tree({})).kind(path)
        for each in symbols.of(kind, Text(source)) if kind is not None else ():
            check(each)


def test_a_broken_file_has_the_symbols_above_its_mistake() -> None:
    text = Text("envoys:\n  - match: one\n  - match: two\n    roles: [\n  - match: three\n")
    assert [each.name for each in symbols.of(Kind.LEAF, text)][:2] == ["one", "two"]
    assert symbols.of(Kind.LEAF, Text("")) == []


@pytest.mark.parametrize(
    "source",
    [
        "envoys:\n- match: a\n  roles: [x]\n\n\n\n- roles: [b] # why\n  match: c\n",
        "roles: [a]\nconfigcrates:   [b]",
        "\n\nvars: {a: 1}\n",
        "vars: {a: 1}\n\n\n",
        "vars:\n    a: 1\n    # deep\n    b: 2",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_edits_make_the_canonical_layout_and_keep_line_ends(source: str, end: str) -> None:
    text = Text(source.replace("\n", end))
    kind = Kind.LEAF if source.startswith("envoys") else Kind.INHERITED
    made = text.edited(layout.edits(kind, text))
    written = canonical(source.encode(), kind).decode()
    assert made == written.replace("\n", end if end in text.source else "\n")
    assert layout.edits(kind, Text(made)) == []


def test_lines_that_are_right_are_left_alone() -> None:
    text = Text("envoys:\n  - match: a\n    roles: [x]\n  - roles: [y]\n    match: b\n")
    (edit,) = layout.edits(Kind.LEAF, text)
    assert edit.span.line >= 4


def test_a_long_text_is_one_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_COMPARED", 100)
    text = Text("envoys:\n" + "".join(f"- match: h{n}\n" for n in range(layout.MAX_COMPARED)))
    (edit,) = layout.edits(Kind.LEAF, text)
    assert edit.span.line == 2


def test_what_cannot_be_read_has_no_layout() -> None:
    with pytest.raises(NotFormattable):
        layout.edits(Kind.LEAF, Text("envoys: [\n"))


CRATE = "configcrates/web/nginx.vgo"
LEAF = "production/web.vgo"
PORT = '"{{ vars.nginx_port }}"'


@pytest.mark.parametrize(
    ("path", "right", "wrong", "mended", "title"),
    [
        (LEAF, "roles: [web]", "roles: [wep]", "roles: [web]", "Replace it with web"),
        (LEAF, "roles: [web]", "roles: 'wep'", "roles: 'web'", "Replace it with web"),
        (LEAF, "environment:", "enviroment:", "environment:", "Replace it with environment"),
        (LEAF, "environment: production", "environment: prodution", "environment: production", "production"),
        (CRATE, "type: file", "type: fil", "type: file", "Replace it with file"),
        (CRATE, "templates/nginx.conf.j2", "templates/ngin.conf.j2", "templates/nginx.conf.j2", "templates/nginx.conf"),
        (CRATE, "notify: [reload]", "notify: [relod]", "notify: [reload]", "reload"),
        (CRATE, PORT, '"{{ vars.nginx_prt }}"', PORT, "nginx_port"),
        (CRATE, PORT, '"{{ traits.os.famly }}"', '"{{ traits.os.family }}"', "traits.os.family"),
        (CRATE, PORT, '"{{ vars.nginx_port|to_jsn }}"', '"{{ vars.nginx_port|to_json }}"', "to_json"),
        (CRATE, "name: nginx\n", "name: ngnx\n", "name: nginx\n", "Call it nginx, as its file"),
        (CRATE, "path: /etc/port", "mode: 0644\n    path: /etc/port", 'mode: "0644"\n', "Quote it"),
        ("templates/nginx.conf.j2", "vars.nginx_port", "vars.nginx_prt", "vars.nginx_port", "nginx_port"),
    ],
)
def test_a_hint_that_names_a_word_becomes_a_fix(path: str, right: str, wrong: str, mended: str, title: str) -> None:
    source = SITE[path].replace(right, wrong, 1)
    found = fixes.of(diagnostics(path, source), Text(source), WHOLE)
    assert len(found) == 1
    made = Text(source).edited([found[0].edit])
    assert mended in made
    assert title in found[0].title
    assert diagnostics(path, made) == []


def diagnostics(path: str, source: str) -> list[Diagnostic]:
    return [each for each in snapshot_of(tree({**SITE, path: source})).diagnostics if each.file == path]


def test_fixes_are_those_of_the_place_that_is_asked_about() -> None:
    path = "production/web.vgo"
    source = SITE[path].replace("[web]", "[wep]").replace("staging", "stagin")
    text = Text(source)
    found = [each for each in snapshot_of(tree({**SITE, path: source})).diagnostics if each.file == path]
    assert [each.title for each in fixes.of(found, text, Span(4, 13, 4, 13))] == ["Replace it with web"]
    assert fixes.of(found, text, Span(1, 1, 2, 1)) == []
