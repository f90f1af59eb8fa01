"""`python -m reconciler plan DIR`: what a tree means, with no server."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconciler import graph, repository
from reconciler.graph import Compilation
from reconciler.repository.trees import Tree
from schema.errors import Fault

OK, ERROR, INVALID = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 0 the tree compiles, 2 it does not, 1 it could not be read."""
    parser = argparse.ArgumentParser(prog="python -m reconciler", description="Judge a config repository.")
    commands = parser.add_subparsers(required=True)
    plan = commands.add_parser("plan", help="compile a tree and print its profiles, crates and plan root")
    plan.add_argument("directory", type=Path, help="a directory, or a git repository with --rev")
    plan.add_argument("--rev", help="compile this revision (branch, tag or commit) instead of the files")
    plan.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        compilation = graph.compile_tree(_tree(options.directory, options.rev))
    except Fault as fault:
        print(f"error: {fault.message}", file=sys.stderr)
        return ERROR
    if options.json:
        print(json.dumps(_plain(compilation), indent=2, ensure_ascii=False))
    else:
        _print(compilation)
    return INVALID if compilation.graph is None else OK


def _tree(directory: Path, rev: str | None) -> Tree:
    if rev is None:
        return repository.directory(directory)
    opened = repository.open(directory)
    return opened.tree(opened.resolve(rev))


def _print(compilation: Compilation) -> None:
    for diagnostic in compilation.diagnostics:
        print(diagnostic)
    found = compilation.graph
    if found is None:
        return
    width = max((len(profile.id) for profile in found.profiles.values()), default=0)
    for profile in found.profiles.values():
        print(f"{profile.id:<{width}}  {profile.catalog_sha256[:16]}  {', '.join(profile.configcrates)}")
    resources = sum(len(linked.crate.resources) for linked in found.crates.values())
    print(f"{len(found.profiles)} profiles, {len(found.crates)} crates, {resources} resources")
    print(f"tree {found.tree_id}")
    print(f"plan {found.plan_root}")


def _plain(compilation: Compilation) -> dict[str, Any]:
    found = compilation.graph
    answer: dict[str, Any] = {
        "valid": found is not None,
        "diagnostics": [diagnostic.model_dump(mode="json") for diagnostic in compilation.diagnostics],
    }
    if found is not None:
        answer |= {
            "commit": found.commit,
            "tree": found.tree_id,
            "plan_root": found.plan_root,
            "profiles": [
                {
                    "id": profile.id,
                    "match": profile.match_pattern,
                    "environment": profile.environment,
                    "roles": list(profile.roles),
                    "configcrates": profile.configcrates,
                    "resources": profile.resource_count,
                    "catalog_sha256": profile.catalog_sha256,
                    "catalog_bytes": len(profile.catalog_body),
                    "secrets": list(profile.secrets),
                }
                for profile in found.profiles.values()
            ],
            "crates": [
                {"name": name, "sha256": linked.crate.sha256, "resources": len(linked.crate.resources)}
                for name, linked in sorted(found.crates.items())
            ],
        }
    return answer


if __name__ == "__main__":
    sys.exit(main())
