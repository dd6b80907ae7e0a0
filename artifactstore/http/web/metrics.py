"""Metrics in the Prometheus text format; with several workers they are added up over all of them."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from artifactstore.http.web.store_metrics import StoreMetrics

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

REQUESTS = Counter(
    "artifactstore_http_requests_total",
    "Requests answered, by path template, method and status",
    ("path", "method", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "artifactstore_http_request_seconds",
    "Seconds from the request line to the end of the answer",
    ("path", "method"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
REFUSALS = Counter(
    "artifactstore_refusals_total",
    "Requests refused, by code of the error",
    ("code",),
    registry=REGISTRY,
)
LIMITS = Counter(
    "artifactstore_http_limits_total",
    "How often a limit acted, by limit: "
    "head-bytes, head-count, head-timeout, body-framing, body-timeout, idle-timeout, send-timeout, "
    "unsent-bytes, pipeline, malformed, shed (closed to make room), full (refused), "
    "descriptors (no file can be opened), client-left (a read was ended), page-bytes (a page ended early)",
    ("limit",),
    registry=REGISTRY,
)
CONNECTIONS = Gauge(
    "artifactstore_http_connections",
    "Connections of clients, by state: busy with a request or idle",
    ("state",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
APPENDED = Counter(
    "artifactstore_appended_events_total",
    "Events appended by this service, by event type",
    ("event_type",),
    registry=REGISTRY,
)
APPEND_SECONDS = Histogram(
    "artifactstore_append_seconds",
    "Seconds of a transaction that appends, from its begin to its commit",
    buckets=_SECONDS,
    registry=REGISTRY,
)
LOCK_WAIT_SECONDS = Histogram(
    "artifactstore_lock_wait_seconds",
    "Seconds that such a transaction waited for the append lock",
    buckets=_SECONDS,
    registry=REGISTRY,
)
GROUP_COMMANDS = Histogram(
    "artifactstore_group_commands",
    "Commands that one transaction appended together",
    buckets=_COUNTS,
    registry=REGISTRY,
)
QUEUED_COMMANDS = Gauge(
    "artifactstore_queued_commands",
    "Commands that wait for the writer",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
HEAD = Gauge(
    "artifactstore_log_head",
    "Highest sequence that this service has seen",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
CHECKED_PACKAGES = Counter(
    "artifactstore_checked_packages_total",
    "Packages whose live rows were compared with what their events say",
    registry=REGISTRY,
)
VIEW_DIFFERENCES = Counter(
    "artifactstore_view_differences_total",
    "Values of live rows that were found not to be what the log says: anything but 0 is an alarm",
    registry=REGISTRY,
)
WAITERS = Gauge(
    "artifactstore_feed_waiters",
    "Requests that wait for new events",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
LISTENING = Gauge(
    "artifactstore_feed_listening",
    "Processes that were seen to hear notifications; the others see new events within a second all the same",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
NOTIFY_QUEUE = Gauge(
    "artifactstore_notify_queue_usage",
    "How full the server's queue of notifications is, from 0 to 1; from 0.5 on appends do not ring",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
FEED_PAGES = Counter(
    "artifactstore_feed_pages_total",
    "Pages of the feed, by source: memory or database",
    ("source",),
    registry=REGISTRY,
)
FEED_EVENTS = Counter(
    "artifactstore_feed_events_total",
    "Events delivered by the feed",
    registry=REGISTRY,
)
POOL_CONNECTIONS = Gauge(
    "artifactstore_pool_connections",
    "Connections for reads, by state: idle or in use",
    ("state",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_WAITING = Gauge(
    "artifactstore_pool_waiting",
    "Reads that wait for a connection",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)

STORES = StoreMetrics()
"""What the keeper noted of stores; set whenever it is read."""
REGISTRY.register(STORES)


@cache
def requests(path: str, method: str, status: int) -> Counter:
    """The counter of these requests; finding it by its labels takes longer than to count."""
    return REQUESTS.labels(path, method, str(status))


@cache
def request_seconds(path: str, method: str) -> Histogram:
    """The histogram of these requests."""
    return REQUEST_SECONDS.labels(path, method)


def exposition() -> bytes:
    """All metrics, of all workers."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        _forget_dead_workers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(STORES)
        return generate_latest(registry)
    return generate_latest(REGISTRY)


def totals() -> Mapping[str, float]:
    """Samples by name, those that differ in labels added up, of all workers."""
    added: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            added[sample.name] = added.get(sample.name, 0.0) + sample.value
    return added


def _forget_dead_workers(directory: Path) -> None:
    """Drop the gauges of workers that have ended; their counters stay."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
