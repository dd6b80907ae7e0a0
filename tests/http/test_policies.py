"""Retention by rule over HTTP: the rules, what they give, and answers that say what was appended."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.http.running import Registry, Running

LABELS = {"a": "1"}
RULE: Mapping[str, Any] = {
    "name": "audit",
    "mode": "governance",
    "days": 400,
    "purl_type": "npm",
    "labels": LABELS,
}


def _created(registry: Registry, name: str, **headers: str) -> dict[str, Any]:
    body = {"purl": f"pkg:npm/{name}@1", "labels": LABELS}
    answer: dict[str, Any] = registry.post("/packages", body, 201, **headers)
    return answer


def test_the_answer_has_the_retention_that_the_rule_gave(registry: Registry) -> None:
    registry.post("/policies", {"rules": [RULE], "reason": "audit of 2027"})
    for name in ("first", "second"):  # the first time it is not known to the writer that there are rules
        created = _created(registry, name)
        retention = created["payload"]["retention"]
        assert (retention["mode"], retention["policy"]) == ("governance", "audit")
        stored = registry.get(f"/events/{created['sequence']}")
        assert stored == created
        kept = registry.get(f"/packages/{created['subject_id']}/retention")
        assert (kept["policy"], kept["retain_until"]) == ("audit", retention["until"])


def test_a_repeated_request_gets_the_same_answer(registry: Registry) -> None:
    before = _created(registry, "before", Idempotency_Key="k0")
    registry.post("/policies", {"rules": [RULE]})
    assert _created(registry, "before", Idempotency_Key="k0") == before
    assert "retention" not in before["payload"]
    after = _created(registry, "after", Idempotency_Key="k1")
    assert _created(registry, "after", Idempotency_Key="k1") == after


def test_many_at_once_all_get_it_and_no_number_is_burned(registry: Registry) -> None:
    registry.post("/policies", {"rules": [RULE]})
    head = registry.head()
    with ThreadPoolExecutor(16) as pool:
        created = list(pool.map(lambda n: _created(registry, f"p{n}"), range(64)))
    assert {one["payload"]["retention"]["policy"] for one in created} == {"audit"}
    assert sorted(one["sequence"] for one in created) == list(range(head + 1, head + 65))


def test_retention_of_the_request_goes_before_that_of_the_rules(registry: Registry) -> None:
    registry.post("/policies", {"rules": [RULE]})
    own = {"mode": "compliance", "until": "2100-01-01T00:00:00.000000Z"}
    body = {"purl": "pkg:npm/own@1", "labels": LABELS, "retention": own}
    assert registry.post("/packages", body, 201)["payload"]["retention"] == own


def test_a_purl_in_another_spelling_is_judged_by_its_canonical_form(registry: Registry) -> None:
    registry.post("/policies", {"rules": [{**RULE, "purl_prefix": "pkg:npm/%40scope/"}]})
    body = {"purl": "pkg:npm/@scope/app@1", "labels": LABELS}
    assert registry.post("/packages", body, 201)["payload"]["retention"]["policy"] == "audit"


def test_the_rules_are_read_with_their_version_and_set_on_condition(registry: Registry) -> None:
    empty = registry.client.get("/policies")
    assert (empty.json(), empty.headers["ETag"]) == ({"version": 0, "rules": []}, '"0"')
    done = registry.post("/policies", {"rules": [RULE]}, If_Match='"0"')
    answer = registry.client.get("/policies")
    unset = {"purl_prefix": None, "media_type": None}
    assert answer.json() == {"version": done["sequence"], "rules": [{"place": 1, **RULE, **unset}]}
    assert answer.headers["ETag"] == f'"{done["sequence"]}"'
    registry.refused("/policies", {"rules": []}, 412, "changed", If_Match='"0"')
    registry.refused("/policies", {"rules": []}, 412, "changed", If_Match='W/"1"')
    registry.post("/policies", {"rules": []}, If_Match=f'{answer.headers["ETag"]}, "{2**52}"')
    assert registry.get("/policies")["rules"] == []


def test_a_repeated_setting_is_one_event(registry: Registry) -> None:
    first = registry.post("/policies", {"rules": [RULE]}, Idempotency_Key="set")
    head = registry.head()
    assert registry.post("/policies", {"rules": [RULE]}, Idempotency_Key="set") == first
    assert registry.head() == head


def test_rules_are_explained(registry: Registry) -> None:
    registry.post("/policies", {"rules": [RULE, {"name": "rest", "mode": "governance", "days": 1}]})
    told = registry.get("/policies/explain", purl="pkg:NPM/app@1", label="a=2")
    assert told["purl"] == "pkg:npm/app@1"
    judged = [(one["name"], one["applies"], one["unmet"]) for one in told["rules"]]
    assert judged == [("audit", False, ["labels"]), ("rest", True, [])]
    told = registry.get("/policies/explain", purl="pkg:npm/app@1", label="a=1")
    assert [(one["applies"], one["unmet"]) for one in told["rules"]] == [(True, []), (False, [])]
    assert registry.get("/policies/explain", 422, purl="npm/app")["code"] == "invalid-purl"


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([{**RULE, "days": 0}], "rules[0].days"),
        ([{**RULE, "mode": "strict"}], "rules[0].mode"),
        ([{**RULE, "colour": "red"}], "rules[0].colour"),
        ([{"name": "a", "mode": "governance"}], "rules[0].days"),
        ([RULE, RULE], "rules[1].name"),
        ([{**RULE, "purl_prefix": "npm/"}], "rules[0].purl_prefix"),
        ({}, "rules"),
    ],
)
def test_bad_rules_are_refused_with_their_place(registry: Registry, rules: object, field: str) -> None:
    problem = registry.refused("/policies", {"rules": rules}, 422, "bad-payload")
    assert problem["field"] == field


@pytest.mark.parametrize("role", ["reader", "producer"])
def test_only_operators_set_rules(service: Running, role: str) -> None:
    registry = Registry(service.client(role))
    assert registry.post("/policies", {"rules": []}, 403)["code"] == "forbidden"
