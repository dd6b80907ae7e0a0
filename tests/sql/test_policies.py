"""Which rule gives a new package its retention, and which rules cannot be meant."""

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from artifactstore.events import PackageCreated, models, new_id
from tests.sql.support import Log

Condition = Mapping[str, Any]

PURL = "pkg:maven/org.acme/app@1.0"


def _rule(name: str, **conditions: Any) -> models.PolicyRule:
    return models.PolicyRule(name=name, mode="governance", days=30, **conditions)


def _fitting(log: Log, purl: str, labels: str | None = None, media_type: str | None = None) -> list[str]:
    rows = log.query("SELECT name FROM artifactstore.fitting_policy(%s, %s, %s)", purl, labels, media_type)
    return [row["name"] for row in rows]


@pytest.mark.parametrize(
    ("conditions", "unmet"),
    [
        ({}, []),
        ({"purl_type": "maven"}, []),
        ({"purl_type": "mave"}, ["purl_type"]),
        ({"purl_prefix": "pkg:maven/org.acme/"}, []),
        ({"purl_prefix": "pkg:maven/org.acme/app@1.0"}, []),
        ({"purl_prefix": "pkg:maven/org.acme/app@1.0.1"}, ["purl_prefix"]),
        ({"purl_prefix": "pkg:maven/org_acme/"}, ["purl_prefix"]),
        ({"media_type": "text/html"}, []),
        ({"media_type": "text/*"}, ["media_type"]),
        ({"labels": {"a": "1"}}, []),
        ({"labels": {"a": "1", "b": "2"}}, []),
        ({"labels": {"a": "2"}}, ["labels"]),
        ({"labels": {"c": "1"}}, ["labels"]),
        (
            {"purl_type": "npm", "labels": {"c": "1"}, "media_type": "x/y"},
            ["purl_type", "media_type", "labels"],
        ),
    ],
)
def test_every_condition_of_a_rule_must_hold(log: Log, conditions: Condition, unmet: list[str]) -> None:
    log.append(log.log_id, models.PoliciesSet(rules=(_rule("one", **conditions),)))
    labels = '{"a": "1", "b": "2"}'
    explained = log.query(
        "SELECT applies, unmet FROM artifactstore.explain_policies(%s, %s, 'text/html')",
        "pkg:MAVEN/org.acme/app@1.0",
        labels,
    )
    assert explained == [{"applies": not unmet, "unmet": unmet}]
    assert _fitting(log, PURL, labels, "text/html") == ([] if unmet else ["one"])


def test_what_a_package_does_not_have_meets_no_condition(log: Log) -> None:
    log.append(
        log.log_id,
        models.PoliciesSet(rules=(_rule("media", media_type="text/html"), _rule("label", labels={"a": "1"}))),
    )
    assert _fitting(log, PURL) == []


_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "purl_type": st.sampled_from(["maven", "npm"]),
        "purl_prefix": st.sampled_from(["pkg:maven/org.", "pkg:maven/org.acme/", "pkg:npm/a"]),
        "media_type": st.sampled_from(["a/b", "c/d"]),
        "labels": st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"), min_size=1),
    },
)


def _fits(rule: Condition, purl: str, labels: Mapping[str, str], media_type: str | None) -> bool:
    return (
        rule.get("purl_type") in (None, purl[4:].partition("/")[0])
        and purl.startswith(rule.get("purl_prefix", ""))
        and rule.get("media_type") in (None, media_type)
        and rule.get("labels", {}).items() <= labels.items()
    )


@settings(deadline=None)
@given(
    rules=st.lists(_CONDITIONS, max_size=5),
    purl=st.sampled_from([PURL, "pkg:npm/a@1", "pkg:npm/%40a/b@1", "pkg:generic/maven@1"]),
    labels=st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")),
    media_type=st.sampled_from([None, "a/b", "c/d"]),
)
def test_the_first_rule_that_fits_counts(
    module_connection: psycopg.Connection[Any],
    rules: list[Condition],
    purl: str,
    labels: Mapping[str, str],
    media_type: str | None,
) -> None:
    with module_connection.transaction(force_rollback=True):
        log = Log(module_connection)
        with log.guard_off():
            for place, rule in enumerate(rules, 1):
                log.execute(
                    "INSERT INTO artifactstore.retention_policies VALUES (%s, %s, 'governance', 1, %s, %s,"
                    " %s, %s, 1, 1)",
                    place,
                    str(place),
                    *(rule.get(name) for name in ("purl_type", "purl_prefix", "media_type")),
                    Jsonb(rule["labels"]) if "labels" in rule else None,
                )
        expected = [str(n) for n, rule in enumerate(rules, 1) if _fits(rule, purl, labels, media_type)][:1]
        found = log.query(
            "SELECT name FROM artifactstore.fitting_policy(%s, %s, %s)",
            purl,
            Jsonb(dict(labels)),
            media_type,
        )
        assert [row["name"] for row in found] == expected


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ((_rule("a", purl_type="npm"), _rule("a")), "rules[1].name"),
        ((_rule("a\u202eb"),), "rules[0].name"),
        ((_rule("a", purl_type="NPM"),), "rules[0].purl_type"),
        ((_rule("a", purl_type="n%"),), "rules[0].purl_type"),
        ((_rule("a", purl_prefix="npm/"),), "rules[0].purl_prefix"),
        ((_rule("a", purl_prefix="pkg:npm"),), "rules[0].purl_prefix"),
        ((_rule("a", labels={"e\u0301": "1"}),), "rules[0].labels.e\u0301"),
        ((_rule("a"), _rule("b", purl_type="npm")), "rules[1].name"),
        ((_rule("a", purl_type="npm"), _rule("b", purl_type="npm", labels={"x": "1"})), "rules[1].name"),
        (
            (_rule("a", purl_prefix="pkg:npm/a"), _rule("b", purl_prefix="pkg:npm/ab", media_type="a/b")),
            "rules[1].name",
        ),
        ((_rule("a", labels={"x": "1"}), _rule("b", labels={"x": "1", "y": "2"})), "rules[1].name"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(
    log: Log, rules: tuple[models.PolicyRule, ...], field: str
) -> None:
    with log.unchanged():
        event = models.PoliciesSet(rules=rules)
        refused = log.failure("bad-payload", lambda: log.append(log.log_id, event))
    assert refused["field"] == field
    assert refused["problem"]


def test_rules_that_fit_some_of_the_same_packages_are_none_of_those(log: Log) -> None:
    rules = (
        _rule("a", purl_type="npm", labels={"x": "1"}),
        _rule("b", purl_type="npm"),
        _rule("c", purl_prefix="pkg:npm/a", media_type="a/b"),
        _rule("d", media_type="a/b"),
        _rule("e"),
    )
    # The third is reached by nobody, too, but only who knows purls sees that: npm is its type.
    log.append(log.log_id, models.PoliciesSet(rules=rules))


def test_the_door_asks_for_the_retention_of_the_rule(log: Log) -> None:
    log.append(log.log_id, models.PoliciesSet(rules=(_rule("one", purl_type="maven"),)))
    with log.unchanged():
        event = PackageCreated(purl=PURL)
        refused = log.failure("policy-applies", lambda: log.append(new_id(), event))
    assert (refused["policy"], refused["mode"], refused["days"]) == ("one", "governance", 30)
    log.append(new_id(), PackageCreated(purl="pkg:generic/app@1.0"))


def test_days_have_24_hours_whatever_the_time_zone(log: Log) -> None:
    rule = models.PolicyRule(name="year", mode="governance", days=365)
    log.append(log.log_id, models.PoliciesSet(rules=(rule,)))
    log.set("timezone", "America/New_York")
    [due] = log.query(
        "SELECT extract(epoch FROM until - clock_timestamp()) / 86400 AS days, policy"
        " FROM artifactstore.due_policies(ARRAY[%s], ARRAY['{}'::jsonb], ARRAY[NULL])",
        PURL,
    )
    assert 364.99 < due["days"] < 365
