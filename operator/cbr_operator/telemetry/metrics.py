"""Prometheus metrics. Counters count what this process did; gauges are computed from the cache at scrape."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# A replicate call takes a fraction of a second or, when something is wrong, up to its time-out of a minute.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RENDERED_LASTS = 2.0
"""Seconds for which /metrics says the same, whoever asks how often."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where the gauges come from; each is called at scrape."""

    replications: Callable[[], Mapping[str, int]]
    """Objects by the reason of Succeeded."""
    newest_copies: Callable[[], Mapping[tuple[str, str, str, str], float]]
    """Seconds since 1970 by namespace, source vault, destination region and destination vault."""
    queue_depth: Callable[[], int]
    watch_age: Callable[[], float]
    """Seconds since the watch last asked or was answered."""
    leader: Callable[[], bool]
    token_expiries: Callable[[], Mapping[tuple[str, str, str], float]] = dict
    """Seconds since 1970 when the token of a connection ends, by its kind, namespace and name."""


class Metrics(Collector):
    """All metrics, in a registry of their own."""

    def __init__(self, gauges: Gauges, *, now: Callable[[], float] = time.monotonic) -> None:
        """``now``: seconds on a clock that never jumps."""
        self._gauges = gauges
        self._now = now
        self._rendered = float("-inf"), b""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "cbr_operator_cloud_requests",
            "Calls to the cloud, by operation and HTTP status (or what kept an answer from coming).",
            ["operation", "code"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "cbr_operator_cloud_request_seconds",
            "How long calls to the cloud took.",
            ["operation"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._submissions = Counter(
            "cbr_operator_submissions", "Submissions by outcome.", ["outcome"], registry=self._registry
        )
        self._writes = Counter(
            "cbr_operator_status_writes", "Writes of a status by result.", ["result"], registry=self._registry
        )
        self._dropped = Counter("cbr_operator_events_dropped", "Events that were not posted.", registry=self._registry)
        self._registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The gauges, as they are now."""
        replications = GaugeMetricFamily(
            "cbr_operator_replications", "CheckpointReplications by the reason of Succeeded.", labels=["reason"]
        )
        for reason, count in sorted(self._gauges.replications().items()):
            replications.add_metric([reason], count)
        yield replications
        copies = GaugeMetricFamily(
            "cbr_operator_newest_copy_timestamp_seconds",
            "When the cloud began to copy the newest backup that is confirmed as copied, by pair of vaults.",
            labels=["namespace", "source_vault", "destination_region", "destination_vault"],
        )
        for pair, moment in sorted(self._gauges.newest_copies().items()):
            copies.add_metric(list(pair), moment)
        yield copies
        depth = self._gauges.queue_depth()
        yield GaugeMetricFamily("cbr_operator_queue_depth", "Objects that wait for a decision.", value=depth)
        age = self._gauges.watch_age()
        yield GaugeMetricFamily("cbr_operator_watch_age_seconds", "Since the watch last asked.", value=age)
        expiries = GaugeMetricFamily(
            "cbr_operator_token_expiry_timestamp_seconds",
            "When the token that a connection uses ends.",
            labels=["kind", "namespace", "name"],
        )
        for labels, moment in sorted(self._gauges.token_expiries().items()):
            expiries.add_metric(labels, moment)
        yield expiries
        leads = float(self._gauges.leader())
        yield GaugeMetricFamily("cbr_operator_leader", "1 while this process leads.", value=leads)

    def count_cloud_request(self, operation: str, code: str, seconds: float) -> None:
        """A call to the cloud is over."""
        self._requests.labels(operation, code).inc()
        self._seconds.labels(operation).observe(seconds)

    def count_submission(self, outcome: str) -> None:
        """A submission came to this outcome."""
        self._submissions.labels(outcome).inc()

    def count_status_write(self, result: str) -> None:
        """A status write came to this result."""
        self._writes.labels(result).inc()

    def count_dropped_event(self) -> None:
        """An Event was not posted."""
        self._dropped.inc()

    def render(self) -> bytes:
        """The text format, version 0.0.4, as it was two seconds ago or later: it is made of everything there is."""
        now = self._now()
        if now - self._rendered[0] >= RENDERED_LASTS:
            self._rendered = now, generate_latest(self._registry)
        return self._rendered[1]
