"""The page of health: what the log, the metrics and doctor say, and who may see what of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from artifactstore.jobs.doctor import examine
from artifactstore.store import Store
from artifactstore.stores.config import load
from tests.browser.story import tell
from tests.http.reading import Reading, browser, read
from tests.http.running import Registry, Running
from tests.http.test_package_page import listed


@pytest.fixture
def told(service: Running) -> Running:
    """A service with a story."""
    tell(service.client())
    return service


def figures(page: Reading) -> dict[str, str]:
    """Names of what is told, and what is told."""
    names = [one.text for one in page.all("dt")]
    return dict(zip(names, (one.text for one in page.all("dd")), strict=True))


def test_it_is_what_log_and_metrics_say(told: Running) -> None:
    registry = Registry(told.client())
    page = read(browser(told), "/ui/health")
    log = registry.get("/log")
    assert page.one("a", data_figure="head").text == str(log["head"])
    assert page.one("code", data_full=log["log_id"])
    assert page.all("time", datetime=log["head_created_at"])
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(registry.client.get("/metrics").text)
        for sample in family.samples
    }
    said = figures(page)
    commits = int(samples["artifactstore_group_commands_count"])
    assert f" in {commits:,} commits" in said["groups"]
    assert said["waiting for events"] == "0 clients, up to the head"


def test_the_chart_and_its_table_count_every_event(told: Running) -> None:
    registry = Registry(told.client())
    events = listed(registry.client, "/audit", "events", "before")
    types = Counter(event["action"] for event in events)
    page = read(browser(told), "/ui/health")
    chart = page.one("svg")
    assert chart.attributes["role"] == "img"
    for part in chart.attributes["aria-labelledby"].split():
        (named,) = (one for one in page.elements if one.attributes.get("id") == part)
        assert named.text
    assert f"{len(events)} events" in page.one("desc", id="chart-desc").text
    drawn: Counter[str] = Counter()
    for one in page.all("title"):
        minute, _, bar = one.text.partition(": ")
        if len(minute) == 5:
            count, _, name = bar.partition(" ")
            drawn[name] += int(count)
    assert drawn.total() == len(events)
    assert all(types[name] == count for name, count in drawn.items() if name != "others")


def test_findings_are_those_of_doctor_and_remedies_are_for_operators(
    told: Running, service_conninfo: str
) -> None:
    with psycopg.connect(service_conninfo, autocommit=True) as connection:
        found = list(examine(Store(connection), load(Path(told.settings.stores))))
    assert "retention-not-in-store" in [one.check for one in found], "stores.toml of the service is looked at"
    remedies = [one.fix for one in found if one.fix]
    assert remedies
    for role, may in (("reader", False), ("producer", False), ("operator", True)):
        page = read(browser(told, role), "/ui/health")
        shown = [
            (one.attributes["data-severity"], one.attributes["data-check"])
            for one in page.all("li", data_check="…")
        ]
        assert Counter(shown) == Counter((one.severity, one.check) for one in found)
        given = [one.attributes["data-full"] for one in page.all("code", data_full="…")]
        assert set(remedies) <= set(given) if may else not set(remedies) & set(given)


def test_views_that_are_behind_are_told_and_the_rest_is_shown(
    told: Running, admin: psycopg.Connection[Any]
) -> None:
    client = browser(told, "operator")
    assert read(client, "/ui/health").all("span", class_="state state-verified")
    with admin.transaction():
        admin.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        admin.execute(
            "DELETE FROM artifactstore.artifact_packages WHERE last_sequence = ("
            "SELECT max(last_sequence) FROM artifactstore.artifact_packages)"
        )
        admin.execute("DELETE FROM artifactstore.retention_state")
        admin.execute("DELETE FROM artifactstore.retention_holds")
    page = read(client, "/ui/health")
    checks = [one.attributes["data-check"] for one in page.all("li", data_check="…")]
    assert "views" in checks
    assert "size" in checks, "what comes behind it is looked at too"
    assert page.all("p", class_="bad") == [] or "not look" not in page.all("p", class_="bad")[0].text


def test_it_needs_a_token(service: Running) -> None:
    answer = service.client(None).get("/ui/health")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/ui/sign-in?next=")
