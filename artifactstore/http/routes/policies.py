"""Retention by rule: the rules, and what they would give a package."""

from artifactstore.events import PoliciesSet
from artifactstore.events.fields import fields_of
from artifactstore.events.kinds import Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.routes.packages import LABEL, labels_of
from artifactstore.http.web.answers import COUNT, SEQUENCE, TEXT, TIME, array, record, ref, shown
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.group_append import Work
from artifactstore.http.write.landing import carry_out_if, replayed, request_of
from artifactstore.store import Appended, Row, Store


async def _list(call: Call) -> Answer:
    rules = await call.read(lambda store: store.policies.rules())
    version = _version(rules)
    value = {"version": version, "rules": [shown("Policy")(rule) for rule in rules]}
    return Answer(value, headers={"ETag": f'"{version}"'})


def _version(rules: list[Row]) -> int:
    return max((rule["last_sequence"] for rule in rules), default=0)


async def _explain(call: Call) -> Answer:
    query = call.query
    labels = labels_of(query["label"])

    def read(store: Store) -> Answer:
        purl = store.packages.canonical_purl(query["purl"])
        rules = store.policies.explain(purl, labels, query["media_type"])
        return Answer({"purl": purl, "rules": [shown("JudgedPolicy")(rule) for rule in rules]})

    return await call.read(read)


async def _set(call: Call) -> Answer:
    event = PoliciesSet(rules=call.body["rules"], reason=call.body.get("reason"))

    def expecting(expected: int | None) -> Work:
        def job(store: Store) -> list[Appended]:
            return [store.policies.set(event, call.actor, expected, request=request_of(call, 1))]

        # Alone: packages that are created beside it would be judged by the rules of before.
        return Work(job=job, job_types=(event.event_type,))

    _, (appended,) = await carry_out_if(call, expecting)
    value = {
        "sequence": appended.sequence,
        "created_at": appended.created_at,
        "rules": len(event.rules),
    }
    return Answer(value, headers=replayed(call))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/policies",
        role=Role.READER,
        tag="retention",
        summary="The rules that give new packages their retention, in their order",
        doc="The first rule that fits a package counts. A package that is created with retention of its own "
        "keeps to that.",
        handle=_list,
        answer=record("The rules.", version=COUNT, rules=array(ref("Policy"))),
        query=(MIN_SEQUENCE,),
        etag=True,
    ),
    Endpoint(
        method="GET",
        path="/policies/explain",
        role=Role.READER,
        tag="retention",
        summary="Which rule a new package would get its retention from, and why not from the others",
        handle=_explain,
        answer=record("The rules, judged.", purl=TEXT, rules=array(ref("JudgedPolicy"))),
        query=(
            Parameter("purl", Text(max=1024), "of the package, in any valid spelling", required=True),
            LABEL,
            Parameter("media_type", Text(max=255), "of the package"),
            MIN_SEQUENCE,
        ),
        refusals=("invalid-purl",),
    ),
    Endpoint(
        method="POST",
        path="/policies",
        role=Role.OPERATOR,
        tag="retention",
        summary="Set the rules that give new packages their retention: all of them, in their order",
        doc="Packages that there are already keep the retention that they have.",
        handle=_set,
        answer=record("The rules are set.", sequence=SEQUENCE, created_at=TIME, rules=COUNT),
        body=fields_of(PoliciesSet),
        if_match=True,
        refusals=("bad-payload",),
    ),
)
