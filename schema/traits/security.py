"""Security: what protects the host, and what scanners found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "certificates.found": TraitInfo(
        _LIST,
        "Certificates in well-known places and those that /etc/vigo-agent/traits.toml names: {path, subject, "
        "issuer, names, not_before, not_after, sha256, key, self_signed, ca}",
    ),
    "certificates.count": TraitInfo(_INT, "How many"),
    "certificates.next_expiry": TraitInfo(
        _STRING, "When the first of those that still count ends: RFC 3339", always=False
    ),
    "certificates.expired": TraitInfo(_LIST, "Paths of those that have ended"),
    "certificates.unreadable": TraitInfo(_LIST, "Paths of files there that hold no certificate that can be read"),
    "secureboot.uefi": TraitInfo(_BOOL, "Whether the firmware is UEFI"),
    "secureboot.enabled": TraitInfo(_BOOL, "Whether the firmware starts only what is signed"),
    "secureboot.setup_mode": TraitInfo(_BOOL, "Whether anyone may still enrol keys", always=False),
    "secureboot.lockdown": TraitInfo(
        _STRING, "The kernel's lockdown: none, integrity or confidentiality", always=False
    ),
    "tpm.present": TraitInfo(_BOOL, "Whether there is a trusted platform module"),
    "tpm.version": TraitInfo(_STRING, "1.2 or 2.0", always=False),
    "selinux.supported": TraitInfo(_BOOL, "Whether the running kernel has SELinux"),
    "selinux.mode": TraitInfo(_STRING, "enforcing, permissive or disabled: now"),
    "selinux.configured": TraitInfo(
        _STRING, "The same, as /etc/selinux/config has it for the next start", always=False
    ),
    "selinux.policy": TraitInfo(_STRING, "targeted, mls ...", always=False),
    "apparmor.enabled": TraitInfo(_BOOL, "Whether the running kernel has AppArmor"),
    "apparmor.enforced": TraitInfo(_INT, "Profiles that are enforced"),
    "apparmor.complaining": TraitInfo(_INT, "Profiles that only complain"),
    "apparmor.profiles": TraitInfo(_MAP, "Profiles by name; only root may see them"),
    "apparmor.profiles.*": TraitInfo(_STRING, "enforce, complain, kill or unconfined"),
    "firewall.backend": TraitInfo(_STRING, "ufw, firewalld, nftables, iptables or none: the one that is in charge"),
    "firewall.active": TraitInfo(_BOOL, "Whether it lets in less than everything"),
    "firewall.rules": TraitInfo(_INT, "Rules in force"),
    "firewall.input_policy": TraitInfo(
        _STRING, "What becomes of packets to this host that no rule names: accept or drop", always=False
    ),
    "firewall.sha256": TraitInfo(
        _STRING, "Digest of the rules, counters left out: it changes when they do", always=False
    ),
    "security_scan.directory": TraitInfo(_STRING, "Where results were looked for"),
    "security_scan.scans": TraitInfo(
        _LIST, "Results of scanners: {scanner, file, version, at, target, counts, findings, score}"
    ),
    "security_scan.critical": TraitInfo(_INT, "Findings of this severity, of all scans"),
    "security_scan.high": TraitInfo(_INT, "Findings of this severity"),
    "security_scan.medium": TraitInfo(_INT, "Findings of this severity"),
    "security_scan.low": TraitInfo(_INT, "Findings of this severity"),
    "security_scan.unknown": TraitInfo(_INT, "Findings whose severity nobody told"),
    "security_scan.findings": TraitInfo(
        _LIST, "The worst findings, at most 500: {scanner, id, severity, package, installed, fixed, title}"
    ),
    "security_scan.findings_count": TraitInfo(_INT, "How many findings there are in all"),
    "security_scan.hardening_index": TraitInfo(_INT, "Lynis's, of 100", always=False),
    "security_scan.xccdf_score": TraitInfo(_FLOAT, "OpenSCAP's, of 100", always=False),
    "security_scan.unreadable": TraitInfo(_LIST, "Files there that are no result that can be read"),
}
