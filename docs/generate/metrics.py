"""docs/reference/metrics.md: every metric of the service."""

from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from artifactstore.http.web import metrics
from artifactstore.http.web.store_metrics import StoreMetrics
from docs.generate.markdown import cell, code, page, table

_INTRO = """\
`GET /metrics` gives these in the Prometheus text format, to the token of a reader. With several workers the
answer of any of them adds up all: counters of all that ever ran, gauges of those that live. Counters begin at
0 when the service starts. A histogram has the series `_bucket`, `_sum` and `_count`.

Worth an alarm: `artifactstore_refusals_total{code="log-damaged"}` that grows at all; `code="internal"`, which
is a defect; `code="busy"` (the log is locked) and `code="overloaded"` (more than the service can take) that
keep growing; `artifactstore_http_limits_total{limit="shed"}`, `"full"` or `"descriptors"` that grows:
connections go to make room, or are lost ([limits](settings.md)); `artifactstore_feed_listening` below the
number of workers for minutes.

What is told of stores is what the [keeper](../how-to/keeper.md) noted when it passed: nothing is counted for
a scrape, and a store that no keeper looks after has no samples. Worth an alarm:
`artifactstore_copies{state="failed"}` above 0 for a day; `artifactstore_store_inventory_age_seconds` above 3
days, and `artifactstore_store_check_lag_seconds` above a tenth of `read_every`, which `doctor` tells, too.
"""


def generate() -> str:
    """The page, from ``artifactstore.http.web.metrics``."""
    return page("Metrics", [*_INTRO.splitlines(), ""], table(["metric", "type", "labels", "what"], _rows()))


def _rows() -> Iterator[list[str]]:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            yield _row(family, metric._labelnames)
        elif isinstance(metric, StoreMetrics):
            for family in metric.describe():
                yield _row(family, family._labelnames)


def _row(family: Metric, labels: Sequence[str]) -> list[str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return [code(name), family.type, ", ".join(map(code, labels)), cell(family.documentation)]
