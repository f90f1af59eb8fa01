"""What security scanners found: results of Trivy, Grype, OSV-Scanner, Lynis and OpenSCAP that lie in a directory.

Nothing is scanned here: a timer of the operator's runs the scanner, and puts its result where it is looked for.
"""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host, HostFault, Kind
from agent.tools import grype, lynis, openscap, osv_scanner, scans, trivy
from agent.tools.scans import Scan, Unreadable
from agent.traits import sources

DIRECTORY: Final = "/var/lib/vigo-agent/scans"
LYNIS: Final = "/var/log/lynis-report.dat"
MAX_FILES: Final = 64
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_XML_BYTES: Final = 32 * 1024 * 1024
MAX_FINDINGS: Final = 500
_KEY: Final = "security_scan"
_JSON: Final = (trivy, grype, osv_scanner)


def collect(host: Host) -> dict[str, Any]:
    """`security_scan.*` of `schema.traits`. /etc/vigo-agent/traits.toml may name another directory:
    `[security_scan]`, `directory`.

    Raises:
        HostFault: the settings cannot be read.
        OSError: the directory may not be read.
    """
    named = sources.settings(host).get("security_scan", {}).get("directory")
    directory = named if isinstance(named, str) and named.startswith("/") else DIRECTORY
    names = [name for name in sources.names(host, directory) if not name.startswith(".")]
    paths = [f"{directory}/{name}" for name in names[:MAX_FILES]]
    kept: dict[str, tuple[Any, Scan | str]] = sources.kept(host).get(_KEY, {})
    read: dict[str, tuple[Any, Scan | str]] = {}
    for path in [*paths, LYNIS]:
        stat = host.lstat(path)
        if stat is None or (stat.kind is not Kind.FILE and path == LYNIS):
            continue
        mark = (stat, sources.modified(host, path))
        known = kept.get(path)
        read[path] = (
            known if known is not None and known[0] == mark and mark[1] is not None else (mark, _read(host, path))
        )
    sources.kept(host)[_KEY] = read
    return _told(directory, {path: scan for path, (_, scan) in read.items()}, left_out=max(0, len(names) - MAX_FILES))


def _read(host: Host, path: str) -> Scan | str:
    """The result in a file, or why there is none."""
    try:
        data = host.read(path, limit=MAX_XML_BYTES)
        if openscap.claims(data):
            return openscap.read(data)
        if len(data) > MAX_BYTES:
            return f"larger than {MAX_BYTES} bytes"
        if data.lstrip()[:1] != b"{":
            text = data.decode("utf-8", "replace")
            return lynis.read(text) if lynis.claims(text) else "of no known scanner"
        document = scans.document(data)
        reader = next((each for each in _JSON if each.claims(document)), None)
        return reader.read(document) if reader is not None else "of no known scanner"
    except (Unreadable, HostFault) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def _told(directory: str, read: dict[str, Scan | str], *, left_out: int) -> dict[str, Any]:
    results = {path: each for path, each in read.items() if isinstance(each, Scan)}
    unreadable = [f"{path.rpartition('/')[2]}: {each}" for path, each in read.items() if isinstance(each, str)]
    counts = {name: sum(each.counts[name] for each in results.values()) for name in scans.SEVERITIES}
    worst = sorted(
        ((scan.scanner, finding) for scan in results.values() for finding in scan.findings),
        key=lambda pair: scans.SEVERITIES.index(pair[1].severity),
    )
    found: dict[str, Any] = {
        "directory": directory,
        "scans": [_shown(path, scan) for path, scan in results.items()],
        "findings": [{"scanner": scanner, **finding._asdict()} for scanner, finding in worst[:MAX_FINDINGS]],
        "findings_count": sum(counts.values()),
        "unreadable": unreadable,
        **counts,
    }
    for key, scanner in (("hardening_index", "lynis"), ("xccdf_score", "openscap")):
        scores = [
            (each.at, each.score) for each in results.values() if each.scanner == scanner and each.score is not None
        ]
        if scores:
            score = max(scores)[1]
            found[key] = int(score) if scanner == "lynis" else score
    if left_out:
        raise sources.Partly(found, f"{left_out} files beyond {MAX_FILES} were not looked at")
    return found


def _shown(path: str, scan: Scan) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "scanner": scan.scanner,
        "file": path,
        "version": scan.version,
        "at": scan.at,
        "target": scan.target,
        "counts": dict(scan.counts),
        "findings": sum(scan.counts.values()),
    }
    return {**shown, "score": scan.score} if scan.score is not None else shown
