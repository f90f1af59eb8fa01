"""Every diagnostic, exactly: each file of `cases/` is a small tree and what is wrong with it.

A section `=== PATH` is a file; `=== PATH escaped` has its bytes with Python's escapes; `=== PATH padded N` is a comment
of N bytes. `=== expect` is every diagnostic, in order.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import graph
from reconciler.documents import codes
from schema.diagnostics import Severity
from tests.factories.trees import MemoryTree, tree

CASES = Path(__file__).parent / "cases"


def read(case: Path) -> tuple[dict[str, bytes], str]:
    files: dict[str, bytes] = {}
    expected = ""
    for section in case.read_text().split("=== ")[1:]:
        heading, _, body = section.partition("\n")
        path, _, how = heading.partition(" ")
        if path == "expect":
            expected = body
        elif how == "escaped":
            files[path] = body.encode().decode("unicode_escape").encode("latin-1")
        elif how.startswith("padded"):
            files[path] = b"# " + b"x" * (int(how.split()[1]) - 3) + b"\n"
        else:
            files[path] = body.encode()
    return files, expected


@pytest.mark.parametrize("name", sorted(case.stem for case in CASES.glob("*.txt")))
def test_a_tree_is_told_exactly_what_is_wrong_with_it(name: str) -> None:
    files, expected = read(CASES / f"{name}.txt")
    found = graph.compile_tree(tree(files))
    assert "".join(f"{each}\n" for each in found.diagnostics) == expected
    failed = any(each.severity is Severity.ERROR for each in found.diagnostics)
    assert (found.graph is None) is failed


def test_there_is_a_case_for_every_code() -> None:
    told = {
        line.partition("[")[2].partition("]")[0] for case in CASES.glob("*.txt") for line in read(case)[1].splitlines()
    }
    of_trees = {
        "tree.no-root",
        "tree.too-large",
        "file.refused",
        "file.ignored",
        "catalog.too-large",
        "plan.too-large",
        "waiver.expired",  # told beside compiling
        "invariant.violated",
    }
    assert set(codes.CODES) - told == of_trees


def test_a_tree_without_its_root_document_is_no_config_repository() -> None:
    found = graph.compile_tree(MemoryTree({"README.md": "hello"}))
    assert [str(each) for each in found.diagnostics] == [
        "vigo.vgo:1:1: error[tree.no-root]: there is no vigo.vgo here (hint: a repository's root has language: 1)"
    ]
    assert found.graph is None


def test_a_tree_of_too_many_files_is_refused() -> None:
    files = {f"docs/{number}.md": b"" for number in range(100_000)}
    found = graph.compile_tree(MemoryTree({"vigo.vgo": "language: 1\n", **files}))
    assert [each.code for each in found.diagnostics] == ["tree.too-large"]


def test_a_catalog_that_no_host_should_have_to_take_is_refused() -> None:
    common = {f"{'d/' * depth}common.vgo": f"vars:\n  text{depth}: {'x' * 1_000_000}\n" for depth in range(5)}
    found = graph.compile_tree(tree({**common, f"{'d/' * 5}x.vgo": "envoys:\n  - match: a.example.com\n"}))
    assert [str(each) for each in found.diagnostics] == [
        (
            "d/d/d/d/d/x.vgo:2:12: error[catalog.too-large]: the catalog takes 5000142 bytes; it may take 4194304 "
            "(hint: for a.example.com (d/d/d/d/d/x.vgo:2))"
        )
    ]


def test_a_small_tree_does_not_become_a_plan_that_fills_memory() -> None:
    blocks = "".join(f"  - match: h{number}.example.com\n    vars: {{n: {number}}}\n" for number in range(600))
    files = {"common.vgo": f"vars:\n  text: {'x' * 1_000_000}\n", "x.vgo": f"envoys:\n{blocks}"}
    cache = graph.Cache()
    assert [each.code for each in graph.compile_tree(tree(files), cache).diagnostics] == ["plan.too-large"]
    mended = graph.compile_tree(tree({**files, "common.vgo": "vars: {}\n"}), cache)
    assert mended.graph is not None
    assert len(mended.graph.profiles) == 600


def test_what_is_not_read_is_an_error_where_it_would_matter_and_a_warning_elsewhere() -> None:
    refused = {
        "README.md": "symbolic link",
        "docs/manual.pdf": "2000000 bytes; a file may have 1048576",
        "templates/a.j2": "symbolic link",
        "vendor": "submodules are unsupported",
        "x.vgo": "symbolic link",
        "y/.GIT": "name that some file system takes for .git",
    }
    found = graph.compile_tree(MemoryTree({"vigo.vgo": "language: 1\n"}, refused=refused))
    assert [(each.file, each.severity.value, each.code, each.message) for each in found.diagnostics] == [
        ("README.md", "warning", "file.ignored", "not read: symbolic link"),
        ("docs/manual.pdf", "warning", "file.ignored", "not read: 2000000 bytes; a file may have 1048576"),
        ("templates/a.j2", "error", "file.refused", "not read: symbolic link"),
        ("vendor", "warning", "file.ignored", "not read: submodules are unsupported"),
        ("x.vgo", "error", "file.refused", "not read: symbolic link"),
        ("y/.GIT", "error", "file.refused", "not read: name that some file system takes for .git"),
    ]


def test_one_bad_file_hides_nothing_about_another() -> None:
    cases = {case.stem: read(case)[0] for case in sorted(CASES.glob("yaml.*.txt"))}
    files = {f"{name}/{path}": data for name, files in cases.items() for path, data in files.items()}
    alone = {
        (each.file, each.code)
        for name, small in cases.items()
        for each in graph.compile_tree(tree({f"{name}/{path}": data for path, data in small.items()})).diagnostics
    }
    together = {(each.file, each.code) for each in graph.compile_tree(tree(files)).diagnostics}
    assert together == alone
    assert len({file for file, _ in together}) >= 15
