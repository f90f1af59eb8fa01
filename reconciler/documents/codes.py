"""The table of diagnostics: every code, and what it says. `docs/errors.md` is written from it."""

from __future__ import annotations

from typing import Final

from schema.diagnostics import Severity

CODES: Final[dict[str, str]] = {
    "yaml.syntax": "The file is not YAML.",
    "yaml.empty": "The file holds no document.",
    "yaml.encoding": "The file is not UTF-8, or holds control characters.",
    "yaml.bom": "The file begins with a byte order mark.",
    "yaml.tab": "A tab stands in the indentation, where its width would be a guess.",
    "yaml.duplicate-key": "A key stands twice in one map.",
    "yaml.merge-key": "`<<` merge keys are not part of the language.",
    "yaml.tag": "A tag beyond YAML's core schema, or one that its value contradicts.",
    "yaml.alias": "An alias to nothing, or to what it stands in.",
    "yaml.alias-limit": "Aliases expand to more than 10,000 nodes, or there are more than 10,000 anchors.",
    "yaml.depth": "The document is nested deeper than 64.",
    "yaml.number": "A number that is infinite, not a number, or too large to be exact.",
    "yaml.key": "A key that is not text.",
    "yaml.several-documents": "A file holds one document.",
    "yaml.directive": "A `%YAML` directive for another version than 1.2.",
    "file.too-large": "A file of the configuration is larger than 1 MiB.",
    "file.refused": "Something in the tree is not a plain file, or has a name that is refused.",
    "file.ignored": "A link, a submodule or a large file outside the configuration: it is not read.",
    "file.reserved": "The name is kept for an area that is not built yet.",
    "file.misplaced": "A file whose kind has one place stands in another.",
    "file.extension": "A YAML file where only `.vgo` files are read: it has no effect.",
    "tree.no-root": "There is no `vigo.vgo` at the root: this is not a config repository.",
    "tree.too-large": "The tree has more than 100,000 files.",
    "schema.unknown-key": "A key that this kind of document does not have.",
    "schema.missing-key": "A key that must be given is not.",
    "schema.wrong-type": "A value of another type than its key takes.",
    "schema.bad-value": "A value of the right type that its key does not take.",
    "schema.name": "A crate's name is not its file's stem.",
    "resource.unknown-type": "A resource type that does not exist.",
    "resource.unknown-key": "A parameter that the resource's type does not have.",
    "resource.missing-key": "A parameter that the resource's type needs is not given.",
    "resource.wrong-type": "A parameter of another type than it takes.",
    "resource.bad-value": "A parameter of the right type that is not allowed.",
    "resource.invalid": "Parameters that do not go together.",
    "resource.duplicate-name": "Two resources of one crate have one name.",
    "resource.unknown": "A reference to a resource that the crate does not have.",
    "resource.cycle": "Resources of a crate that each wait for the other.",
    "resource.missing-source": "A `source` that is not in the tree.",
    "resource.dynamic-source": "A `source` that is a template: it could not be checked.",
    "resource.not-revertible": "`on_removal: revert` for a type that does not remember what it replaced.",
    "resource.guardrail": "A resource that touches the agent's own files, service or package.",
    "idempotency.unguarded": "A command that would run at every convergence.",
    "idempotency.never-notified": "A resource that runs only when notified, and that nothing notifies.",
    "crate.duplicate": "Two crates have one name.",
    "crate.unknown": "A reference to a crate that does not exist.",
    "crate.cycle": "Crates that each depend on the other.",
    "crate.missing-dependency": "A crate depends on one that the same host does not have.",
    "crate.owned-twice": "Two resources of one host own the same thing.",
    "role.unknown": "A reference to a role that does not exist.",
    "role.cycle": "Roles that include each other.",
    "environment.unknown": "A match block names an environment that is not defined above it.",
    "vars.undefined": "An expression uses a var that a host with this crate would not have.",
    "vars.not-a-list": "A `foreach` over a var that is not a list.",
    "vars.append": "A `key+` that cannot append: it or what it appends to is no list, or `key` stands beside it.",
    "vars.template": "A var's value looks like a template; vars are not rendered.",
    "expression.syntax": "An expression or template that cannot be read.",
    "expression.unknown-name": "A name that expressions do not have.",
    "expression.unknown-filter": "A filter that expressions do not have.",
    "expression.unknown-function": "A function or test that expressions do not have.",
    "expression.invalid": "A filter, function or test with wrong arguments, or a name that is not always set.",
    "expression.item": "`item` where there is no `foreach`.",
    "expression.unknown-trait": "A trait that no host has.",
    "expression.optional-trait": "A trait that not every host has, without `default` or `has_trait`.",
    "catalog.too-large": "What the hosts of one match block are to be takes more than 4 MiB.",
    "plan.too-large": "What all hosts are to be takes more than 512 MiB.",
    "secret.name": "A value that looks like a secret and names none: it stays text.",
    "secret.dynamic": "A secret whose name is a template: who is entitled to it could not be told.",
    "match.pattern": "A pattern that cannot be read, or that no host name can match.",
    "match.shadowed": "A match block that can never apply, because another always does.",
    "usercrate.unknown": "A reference to a usercrate that does not exist.",
    "usercrate.nobody": "A usercrate that no user of any host could have.",
    "usercrate.shared": "A resource of a usercrate owns something that is the same for every user.",
    "usercrate.runs-as": "A command in a usercrate that asks to run as somebody else than the user.",
    "task.unknown": "A reference to a task that does not exist.",
    "task.parameter": "A step gives its task a parameter that it does not take so, or leaves out one that it needs.",
    "task.duplicate": "Two tasks or two workflows have one name.",
    "workflow.unknown-step": "A reference to a step that the workflow does not have.",
    "workflow.duplicate-step": "Two steps of a workflow have one name.",
    "test.duplicate": "Two tests of one file have one name.",
    "test.no-host": "A test is about hosts that no match block applies to: it will fail.",
    "test.never-fails": "A test wants something gone that does not exist anywhere: it cannot fail.",
    "rollout.canaries": "A second wave of canaries: one shows all that changes.",
    "rollout.duplicate": "Two waves have one name.",
    "rollout.environment": "A wave, or an invariant, names an environment that is defined nowhere.",
    "rollout.guardrail": "A health check whose command would end a host or its agent.",
    "rollout.no-host": "A wave that no host can be in.",
    "rollout.percent": "Percentages of the same hosts that do not rise, or that end before 100.",
    "rollout.share": "A share of hosts at a time that is none: the wave would never begin.",
    "rollout.zone": "A time zone that the IANA database does not have.",
    "invariant.duplicate": "Two invariants have one name.",
    "invariant.no-host": "An invariant that can count no host: none can be in what it selects.",
    "invariant.violated": "What hosts are to be breaks an invariant; told of hosts by name, beside the compiler.",
    "waiver.expired": "A waiver whose time is over; told by the day it is asked, so compiling never tells it.",
    "waiver.no-host": "A waiver for hosts that no match block has.",
    "waiver.no-control": "A waiver for a control that nothing in the repository claims.",
}
"""Code → what it says."""

WARNINGS: Final = frozenset(
    {
        "file.extension",
        "file.ignored",
        "invariant.no-host",
        "match.shadowed",
        "rollout.no-host",
        "secret.name",
        "test.never-fails",
        "test.no-host",
        "vars.template",
        "waiver.expired",
        "waiver.no-control",
        "waiver.no-host",
    }
)
"""Codes that do not keep a revision from coming into force."""


def severity(code: str) -> Severity:
    """How much a code weighs.

    Raises:
        KeyError: not a code of this table.
    """
    CODES[code]
    return Severity.WARNING if code in WARNINGS else Severity.ERROR
