"""The map of the product: every area, its family and what it is for.

An area is one plural noun: the stem of its file in every layer. `just area NAME` lists the files; an architecture test
compares this list with the layers, so that the map cannot drift.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Family(StrEnum):
    """Groups of areas for the docs index and the OpenAPI tags; never folders."""

    CONFIG = "Configuration"
    FLEET = "Fleet"
    EVIDENCE = "Evidence"
    ACCESS = "Access"
    SERVICE = "Service"


class AreaInfo(NamedTuple):
    """One area of the map."""

    name: str
    family: Family
    summary: str


AREAS: Final = (
    AreaInfo("revisions", Family.CONFIG, "Commits seen, which one is in force, and why one is not."),
    AreaInfo(
        "changes",
        Family.CONFIG,
        "What the server committed for those who asked it to: by whom, where, what came of it.",
    ),
    AreaInfo(
        "sources", Family.CONFIG, "Which repository is followed, how that goes, and the refs beside the tracked one."
    ),
    AreaInfo(
        "publishes", Family.CONFIG, "What came into force and what it changed; going back to a version, promoting one."
    ),
    AreaInfo(
        "retractions",
        Family.CONFIG,
        "What takes back what a removed crate did: a crate, resource by resource, with how sure each reversal is.",
    ),
    AreaInfo("waivers", Family.CONFIG, "Exceptions to controls, recorded in the config repository by commits."),
    AreaInfo("traces", Family.CONFIG, "Where each value on a host comes from, and where a crate is applied."),
    AreaInfo("previews", Family.CONFIG, "Whom a change would reach, and what another revision would be for each host."),
    AreaInfo(
        "explanations",
        Family.CONFIG,
        "Why a host has something or has it not, why two hosts differ, and which config lines matter to nobody.",
    ),
    AreaInfo("rollouts", Family.CONFIG, "How each change reaches the hosts: in waves, and no further where it fails."),
    AreaInfo(
        "bisects",
        Family.CONFIG,
        "Which change since a time hosts that are bad have in common, and hosts that are well do not.",
    ),
    AreaInfo(
        "signers", Family.CONFIG, "Whose signatures count for a commit, what they may change, and who has to agree."
    ),
    AreaInfo(
        "secrets", Family.CONFIG, "Values that git only names: kept sealed, delivered to the envoys entitled to them."
    ),
    AreaInfo(
        "holds",
        Family.CONFIG,
        "Freeze, maintenance and quarantine: who gets nothing new, until when and why; and what goes through.",
    ),
    AreaInfo("envoys", Family.FLEET, "The managed hosts: enrolment, identity, connection, convergence."),
    AreaInfo("tags", Family.FLEET, "Words that operators put on hosts, for rollouts and people to choose them by."),
    AreaInfo(
        "standings",
        Family.FLEET,
        "How far each revision has come: the fleet in classes that exclude each other, when the rest will be there.",
    ),
    AreaInfo("traits", Family.FLEET, "What hosts say they are, and the inventory over it."),
    AreaInfo("runs", Family.FLEET, "What each convergence did on a host, resource by resource."),
    AreaInfo(
        "drifts", Family.FLEET, "What was found on hosts otherwise than it should be, and how to make it desired."
    ),
    AreaInfo(
        "receipts", Family.EVIDENCE, "What hosts vouched for under their own keys, each run naming the one before."
    ),
    AreaInfo("audit", Family.EVIDENCE, "Who did what: one hash chain."),
    AreaInfo("users", Family.ACCESS, "Accounts and their roles."),
    AreaInfo("tokens", Family.ACCESS, "API tokens, each owned by a user."),
    AreaInfo("bootstrap", Family.SERVICE, "How a fresh host gets its agent and its identity."),
    AreaInfo("service", Family.SERVICE, "Health, metrics and the API's own description."),
)
