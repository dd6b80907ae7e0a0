"""Dashboards: whole, of metrics and labels that the service has, and of queries that a reader may run."""

import json
import re
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo

from artifactstore import db
from artifactstore.http.web.metrics import REGISTRY
from artifactstore.jobs.keeper.figures import standing
from artifactstore.store import Store
from artifactstore.stores.config import StoreConfig
from tests.http.running import Registry, Running

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dashboards").glob("*.json"))
DASHBOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
ADDED = {"job", "instance", "le"}
"""Labels that Prometheus adds, and that of buckets."""


def _targets(dashboard: dict[str, Any], field: str) -> list[str]:
    """What all panels ask: ``expr`` in PromQL, ``rawSql`` in SQL."""
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [target[field] for target in targets if field in target]


EXPRESSIONS = [one for dashboard in DASHBOARDS.values() for one in _targets(dashboard, "expr")]
QUERIES = [one for dashboard in DASHBOARDS.values() for one in _targets(dashboard, "rawSql")]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_is_whole(name: str) -> None:
    """What Grafana needs to show it; every panel that is no row asks something, and they do not overlap."""
    dashboard = DASHBOARDS[name]
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= set(dashboard)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {"id", "type", "title", "gridPos"} <= set.intersection(*(set(panel) for panel in panels))
    assert all(panel["type"] == "row" or panel["targets"] for panel in panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 for one in places)
    assert not any(_overlap(one, other) for one, other in combinations(places, 2))


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_chooses_data_sources_by_variables_that_it_has(name: str) -> None:
    """So that it can be imported anywhere."""
    text = json.dumps(DASHBOARDS[name])
    variables = {one["name"] for one in DASHBOARDS[name]["templating"]["list"]}
    used = set(re.findall(r"\$\{?(?!__)(\w+)", text))
    assert used == variables
    sources = re.findall(r'"uid": "([^"]+)"', text)
    assert set(sources) == {DASHBOARDS[name]["uid"], "${prometheus}", "${postgres}"}


def _metrics(text: str) -> dict[str, set[str]]:
    """Name of a series → its labels, of an exposition."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _asked(expression: str) -> list[tuple[str, set[str]]]:
    """The series that an expression names, with the labels that it chooses by, or groups by, anywhere."""
    grouped = {
        label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")
    }
    series = re.findall(r"(artifactstore_\w+)(?:\{([^}]*)\})?", expression)
    return [(name, grouped | set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", where))) for name, where in series]


@pytest.fixture
def metrics(shared: Registry, shared_service: Running, module_conninfo: str) -> dict[str, set[str]]:
    """Those of a service that had a command, a refusal, a page of the feed, and a request that is none.

    And a keeper that looked after a store, where there is nothing.
    """
    with closing(db.connect(module_conninfo)) as connection:
        noted = Store(connection)
        for job, found in (
            ("collect", {}), ("check", standing(noted, StoreConfig(name="main", type="local")))
        ):  # fmt: skip
            noted.keeper.end(noted.keeper.begin("main", job), found)
    shared.refused(f"{shared.package()}/yank", {"reason": "r"}, 409, "no-change")
    shared.get("/events")
    shared_service.exchange("NOT HTTP AT ALL")
    return _metrics(shared.client.get("/metrics").text)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_its_metrics_and_labels_exist(metrics: dict[str, set[str]], expression: str) -> None:
    assert _asked(expression)
    for name, labels in _asked(expression):
        assert name in metrics
        assert labels - ADDED <= metrics[name]


def test_every_metric_is_shown() -> None:
    """What is added later is on a dashboard, too."""
    shown = {name for expression in EXPRESSIONS for name, _ in _asked(expression)}
    for family in REGISTRY.collect():
        assert any(name.startswith(family.name) for name in shown), family.name


def test_the_labels_of_legends_are_those_of_their_groups() -> None:
    for dashboard in DASHBOARDS.values():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                assert not legend or legend <= set().union(*(one[1] for one in _asked(target["expr"])))


@pytest.mark.parametrize("query", QUERIES)
def test_a_reader_may_run_its_queries(database: str, login_names: dict[str, str], query: str) -> None:
    with psycopg.connect(make_conninfo(database, user=login_names["reader"])) as reader:
        assert reader.execute(query.encode()).description
