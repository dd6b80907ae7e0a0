"""purl_problem: one spelling per package, judged at the door."""

import pytest

from artifactstore.events import PackageCreated, new_id
from tests.sql.support import Log


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:generic/Tool@1.0-rc.1_x~y", "pkg:npm/%40scope/left-pad@1", "pkg:pypi/my-tool@1",
        "pkg:deb/debian/curl@7?arch=i386&distro=jessie", "pkg:generic/a@sha256:00", "pkg:generic/a%2Bb%20c",
        "pkg:generic/%C3%A9", "pkg:maven/Org.Apache/Commons@1", "pkg:generic/a?a=1&b=2&b2=3&b_=4",
        "pkg:golang/a.b/C@1#sub/Dir", "pkg:npm/foo@1.0-RC1",
        "pkg:npm/Foo@1", "pkg:npm/%40Scope/foo", "pkg:generic/a%2Fb@1%2F2",
    ],
)  # fmt: skip
def test_the_canonical_spelling_has_no_problem(log: Log, purl: str) -> None:
    assert log.value("SELECT artifactstore.purl_problem(%s)", purl) is None


@pytest.mark.parametrize(
    "purl",
    [
        "tool@1", "pkg:generic/a?", "",
        "pkg:generic/a%c3%a9", "pkg:generic/%c3%A9", "pkg:generic/%C3%a9", "pkg:generic/a%2b",
        "pkg:generic/%C3%Af",
        "pkg:generic/%41", "pkg:generic/%7A", "pkg:generic/%30", "pkg:generic/a%2Db", "pkg:generic/a%2Eb",
        "pkg:generic/a%5Fb", "pkg:generic/a%7Eb", "pkg:generic/a@1%3A2", "pkg:generic/a%5Ab",
        "pkg:generic/a%4Fb",
        "pkg:npm/@scope/foo", "pkg:pypi/Django", "pkg:github/Owner/repo",
        "pkg:deb/Debian/curl",
        "pkg:pypi/my_tool@1",
        "pkg:generic/a?b=1&a=2", "pkg:generic/a?a=1&a=2", "pkg:generic/a?b_=1&b2=2",
    ],
)  # fmt: skip
def test_any_other_spelling_has_a_problem_and_is_refused_by_name(log: Log, purl: str) -> None:
    problem = log.value("SELECT artifactstore.purl_problem(%s)", purl)
    assert isinstance(problem, dict)
    if purl:
        with log.unchanged():
            detail = log.failure("invalid-purl", lambda: log.append(new_id(), PackageCreated(purl=purl)))
        facts = {"code": "invalid-purl", "position": 1, "event_type": "v1.package.created"}
        assert detail == {**problem, **facts}


@pytest.mark.parametrize(
    ("purl", "canonical"),
    [
        ("pkg:npm/@scope/name@1", "pkg:npm/%40scope/name@1"),
        ("pkg:generic/a?repository_url=https://h/a", "pkg:generic/a?repository_url=https:%2F%2Fh%2Fa"),
        ("pkg:generic/e%CC%81", "pkg:generic/%C3%A9"),
        ("pkg:generic/a%E2%80%8Bb", "pkg:generic/ab"),
        ("pkg:generic/a b", "pkg:generic/a%20b"),
    ],
)
def test_f50_a_refusal_to_a_program_carries_the_canonical_form(log: Log, purl: str, canonical: str) -> None:
    """One package could have two names before: each of these was taken, or refused without help."""
    with log.unchanged():
        detail = log.failure("invalid-purl", lambda: log.append(new_id(), PackageCreated(purl=purl)))
    assert detail["canonical"] == canonical
    log.append(new_id(), PackageCreated(purl=canonical))


def test_f50_append_json_refuses_with_the_canonical_form(log: Log) -> None:
    """It answers a number alone, so it could not tell that it stored another text."""
    payload = '{"purl": "pkg:npm/@scope/name@1"}'
    with log.unchanged():
        detail = log.failure("invalid-purl", lambda: log.append_json("v1.package.created", new_id(), payload))
    assert detail["canonical"] == "pkg:npm/%40scope/name@1"


def test_what_the_door_refuses_a_log_that_has_it_may_replay(log: Log) -> None:
    package = new_id()
    log.append_at(log.time, package, PackageCreated(purl="pkg:pypi/My_Tool@1"))
    assert log.rows("artifact_packages")[package]["name"] == "My_Tool"


@pytest.mark.parametrize(
    "purl", ["pkg:generic/a%E2%80%8Bb", "pkg:otp/ns/hex", "pkg:julia/Dates", "pkg:generic/e%CC%81?b=1&a=2"]
)
def test_f50_rules_of_types_and_of_unicode_do_not_judge_a_log_that_is_replayed(log: Log, purl: str) -> None:
    package = new_id()
    assert log.value("SELECT artifactstore.purl_problem(%s)", purl) is not None
    log.append_at(log.time, package, PackageCreated(purl=purl))
    assert log.rows("artifact_packages")[package]["purl"] == purl
