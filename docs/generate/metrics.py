"""docs/reference/metrics.md: every metric of the service."""

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from artifactstore.http.web import metrics
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
"""


def generate() -> str:
    """The page, from ``artifactstore.http.web.metrics``."""
    return page("Metrics", [*_INTRO.splitlines(), ""], table(["metric", "type", "labels", "what"], _rows()))


def _rows() -> Iterator[list[str]]:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(map(code, metric._labelnames))
            yield [code(name), family.type, labels, cell(family.documentation)]
