"""v1.system.policies_set: all rules of retention anew."""

from artifactstore.events import models
from tests.sql.support import NOBODY, Log

_ALL = models.PolicyRule(
    name="release",
    mode="compliance",
    days=3650,
    purl_type="maven",
    purl_prefix="pkg:maven/org.acme/",
    media_type="application/java-archive",
    labels={"channel": "release"},
)
_ANY = models.PolicyRule(name="rest", mode="governance", days=30)


def test_the_view_has_the_rules_in_their_order(log: Log) -> None:
    changed = log.effect(log.log_id, models.PoliciesSet(rules=(_ALL, _ANY)))
    nothing = dict.fromkeys(("purl_type", "purl_prefix", "media_type", "labels"))
    mark = {"created_sequence": log.head, "last_sequence": log.head}
    assert changed == {
        "retention_policies": {
            1: {
                "place": 1,
                "name": "release",
                "mode": "compliance",
                "days": 3650,
                "purl_type": "maven",
                "purl_prefix": "pkg:maven/org.acme/",
                "media_type": "application/java-archive",
                "labels": {"channel": "release"},
                **mark,
            },
            2: {"place": 2, "name": "rest", "mode": "governance", "days": 30, **nothing, **mark},
        }
    }


def test_other_rules_take_their_place_and_none_are_allowed(log: Log) -> None:
    log.append(log.log_id, models.PoliciesSet(rules=(_ALL, _ANY)))
    log.append(log.log_id, models.PoliciesSet(rules=(_ANY,)))
    assert {place: row["name"] for place, row in log.rows("retention_policies").items()} == {1: "rest"}
    log.append(log.log_id, models.PoliciesSet(rules=()))
    assert log.rows("retention_policies") == {}
    # A head without a row of its own is no reason to doubt the views.
    log.package()


def test_the_subject_must_be_the_log(log: Log) -> None:
    log.refused("bad-subject", NOBODY, models.PoliciesSet(rules=(_ANY,)))
