"""Parameters of the feed: TL07, TL09; every answer is a page or a problem, never a 500."""

from urllib.parse import quote

import httpx
import pytest

from tests.http.running import Running
from tests.timing import SOON


@pytest.fixture(scope="module")
def client(shared_service: Running) -> httpx.Client:
    """A client that may do everything."""
    return shared_service.client()


BAD_NUMBERS = (
    "-1", "-0", "9223372036854775808", str(10**30), "9" * 5000, "1.5", "1e3", "", " 5", "+5", "1_000",
    "\uff11\uff12", "\u0661\u0662", "0x10", "NaN", "\0", "00", "01", "null", "5;drop", "infinity", "5,6",
)  # fmt: skip


@pytest.mark.parametrize("name", ["since", "limit", "wait", "until", "min_sequence"])
@pytest.mark.parametrize("text", BAD_NUMBERS, ids=ascii)
def test_tl09_what_is_no_sequence_is_refused(client: httpx.Client, name: str, text: str) -> None:
    answer = client.get(f"/events?{name}={quote(text)}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["parameter"]) == ("bad-request", name)


@pytest.mark.parametrize("since", [2**53 - 1, 9_000_000_000_000_000])
def test_tl09_a_sequence_beyond_this_log_is_ahead(client: httpx.Client, since: int) -> None:
    answer = client.get(f"/events?since={since}&wait=30", timeout=SOON)
    assert (answer.status_code, answer.json()["code"]) == (409, "cursor-ahead")


@pytest.mark.parametrize("since", [2**53, 9_999_999_999_999_999])
def test_tl09_a_sequence_beyond_all_logs_is_none(client: httpx.Client, since: int) -> None:
    answer = client.get(f"/events?since={since}&wait=30", timeout=SOON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert "9007199254740991" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "since=1&since=1",
        "wait=3600",
        "wait=56",
        "wait=abc",
        "limit=0",
        "limit=1001",
        "limit=1&limit=2",
        "event_type=",
        "event_type=v1.retention.%25",
        "event_type=*",
        "subject_kind=packages",
        "subject_id=0",
        "actor=",
        "actor=%00",
        f"actor={'a' * 256}",
        "epoch=1",
        "epoch=1-GGGGGGGG",
        "epoch=",
        "since=1&since_digest=xyz",
        "since=1&since_digest=sha256:" + "0" * 63,
        "since=1&since_digest=sha512:" + "0" * 64,
        "since=1&since_digest=sha256:" + "0" * 65,
        "since=1&since_digest=:" + "0" * 64,
        "since=1&since_digest=" + "0" * 63 + "\uff10",
        "since=1&since_digest=",
        "cursor=1",
        "type=v1.package.created",
        "since",
        "%ff=1",
        "since=%ff",
    ],
)
def test_tl09_what_is_no_parameter_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/events?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "bad-request"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["", "since=0", "limit=1", "limit=1000", "wait=0", "until=0", "since=head"])
def test_tl09_bounds_belong_to_what_is_allowed(client: httpx.Client, query: str) -> None:
    assert client.get(f"/events?{query}").status_code == 200


def test_tl07_a_wait_that_is_over_is_an_empty_page(client: httpx.Client) -> None:
    head = client.get("/log").json()["head"]
    for query in (f"since={head}", "since=head", "since=0&actor=user:nobody"):
        answer = client.get(f"/events?{query}&wait=1")
        assert answer.status_code == 200
        assert 0.9 < answer.elapsed.total_seconds() < 2
        page = answer.json()
        assert (page["events"], page["next"], page["head"]) == ([], head, head)
