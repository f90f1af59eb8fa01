"""Metrics of one server process, for Prometheus. Labels come from fixed sets: a route's template, never a path."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """A registry of its own: two servers in one process do not share numbers. Others add to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vigo_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "vigo_http_request_duration_seconds",
            "Time from a request's headers to its answer.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
            registry=self.registry,
        )
        self.undeclared = Counter(
            "vigo_http_undeclared_faults", "Faults an endpoint does not declare.", ["route"], registry=self.registry
        )
        self.writes = Gauge("vigo_database_units", "Units of work committed.", registry=self.registry)
        self.commits = Gauge("vigo_database_commits", "Commits: many units share one.", registry=self.registry)
        self.waiting = Gauge("vigo_database_writes_waiting", "Units of work that wait.", registry=self.registry)
        self.healthy = Gauge("vigo_config_healthy", "Whether the newest commit is in force.", registry=self.registry)
        self.version = Gauge("vigo_config_version", "Sequence of the revision in force.", registry=self.registry)
        self.audit_entries = Gauge("vigo_audit_entries", "Length of the audit chain.", registry=self.registry)

    def text(self) -> bytes:
        """All of it, in the text format 0.0.4."""
        return generate_latest(self.registry)
