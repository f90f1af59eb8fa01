"""The gateway's numbers, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.gateway.gateway import Gateway


class GatewayCollector(Collector):
    """Reads the gateway's counts when it is asked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """Agents, connections, and what happened to them."""
        counts = dict(self._gateway.counts())
        for name, text in (
            ("agents", "Agents connected."),
            ("connections", "Connections open, those for objects included."),
            ("half_open", "TLS handshakes under way."),
            ("accepts_per_second", "Connections that may be taken each second: less while the event loop is late."),
            ("returns_per_second", "Agents to come back each second when all are cut: by what one costs here."),
        ):
            yield GaugeMetricFamily(f"vigo_gateway_{name}", text, value=counts.pop(name, 0))
        events = CounterMetricFamily("vigo_gateway_events", "What happened on the agents' listener.", labels=["event"])
        for name, count in sorted(counts.items()):
            events.add_metric([name], count)
        yield events
