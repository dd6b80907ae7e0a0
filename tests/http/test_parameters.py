"""Parameters of queries and paths: what cannot be read is 400 and names the parameter, never 500.

The numbers are those of case TL09; ``since`` of the feed has a table of its own. Case CB07 asks for 422 for
U+0000: here a parameter that cannot be read is 400 like all others, bodies are 422.
"""

from urllib.parse import quote

import pytest

from tests.http.running import Registry, Running

_BAD_NUMBERS = [
    "-1", "-0", "9223372036854775807", "9223372036854775808", "1" + "0" * 30, "7" * 5000, "1.5", "1e3", "",
    " 5", "5 ", "+5", "1_000", "１２", "٣", "0x10", "NaN", "Infinity", "\0", "5\0", "null", "true", "05",
]  # fmt: skip
_ID = "0198a5f0-0000-7000-8000-000000000001"


@pytest.mark.parametrize("text", [*_BAD_NUMBERS, "0", "1001"], ids=lambda text: repr(text)[:24])
def test_limit_is_a_number_from_1_to_1000(text: str, shared: Registry) -> None:
    response = shared.client.get(f"/packages?limit={quote(text)}")
    assert (response.status_code, response.json()["code"]) == (400, "bad-request")
    assert response.json()["parameter"] == "limit"


@pytest.mark.parametrize("text", _BAD_NUMBERS, ids=lambda text: repr(text)[:24])
def test_min_sequence_is_a_number(text: str, shared: Registry) -> None:
    response = shared.client.get(f"/packages?min_sequence={quote(text)}")
    assert (response.status_code, response.json()["parameter"]) == (400, "min_sequence")


@pytest.mark.parametrize("text", ["0", "1"])
def test_min_sequence_that_is_there_is_answered(text: str, shared: Registry) -> None:
    assert "packages" in shared.get("/packages", min_sequence=text)


def test_min_sequence_after_the_head_is_refused_at_once(shared: Registry) -> None:
    """GAP06 for reads: the head is told, with the epoch."""
    package = shared.package()
    head = shared.head()
    assert shared.get(package, min_sequence=head)["last_sequence"] == head
    problem = shared.get(package, 409, min_sequence=head + 1)
    assert (problem["code"], problem["head"], problem["min_sequence"]) == ("cursor-ahead", head, head + 1)
    response = shared.client.get(package, params={"min_sequence": 2**53 - 1})
    assert response.status_code == 409
    assert response.headers["Artifactstore-Head"] == str(head)
    assert response.headers["Artifactstore-Epoch"] == problem["epoch"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=1&limit=1", "limit"),
        ("nothing=1", "nothing"),
        ("Limit=1", "Limit"),
        ("state=OPEN", "state"),
        ("state=", "state"),
        ("after=1", "after"),
        (f"after={_ID}", "after"),
        ("label=a", "label"),
        ("label==a", "label"),
        ("label=a=1&label=a=2", "label"),
        ("purl=", "purl"),
        ("purl=%00", "purl"),
        ("purl=" + "a" * 1025, "purl"),
        ("actor=a%00b", "actor"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(query: str, parameter: str, shared: Registry) -> None:
    response = shared.client.get(f"/packages?{query}")
    assert (response.status_code, response.json().get("parameter")) == (400, parameter), response.text


@pytest.mark.parametrize(
    "query", ["%FF=1", "limit=%C3", "limit", "=1&", "limit=1&&state=open", "%ED%A0%80=1"]
)
def test_a_query_that_is_no_query_is_refused(query: str, shared: Registry) -> None:
    response = shared.client.get(f"/packages?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "bad-request")


@pytest.mark.parametrize(
    "text",
    [
        "md5:" + "0" * 32, "sha-256:" + "0" * 64, "sha256:" + "0" * 64, "blake3:" + "0" * 63, "0" * 63,
        "0" * 65, "g" * 64, " " + "0" * 64, "", "0" * 10_000, "blake3:", "blake3:blake3:" + "0" * 64,
    ],
    ids=lambda text: text[:16],
)  # fmt: skip
def test_rg12_digest_that_is_none_of_ours_in_a_query(text: str, shared: Registry) -> None:
    response = shared.client.get("/files", params={"blake3": text})
    assert (response.status_code, response.json()["parameter"]) == (400, "blake3")


@pytest.mark.parametrize("text", ["1", "0" * 36, "..%2f..%2fetc", "%00", "x" * 4096, _ID + "%0a", "١"])
def test_an_id_in_a_path_is_a_uuid(text: str, shared: Registry) -> None:
    """RG10 for paths: routes resolve, and what is no id names the parameter."""
    response = shared.client.get(f"/packages/{text}")
    assert response.status_code in (400, 404), response.text
    assert response.json()["code"] in ("bad-request", "no-such-path")


def test_ids_are_taken_in_any_spelling_of_uuid(shared: Registry) -> None:
    package = shared.package()
    plain = package.removeprefix("/packages/")
    for spelled in (plain.upper(), plain.replace("-", "")):
        assert shared.get(f"/packages/{spelled}")["package_id"] == plain


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_named_with_those_allowed(method: str, shared: Registry) -> None:
    response = shared.client.request(method, "/packages")
    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert shared.client.request(method, "/healthz").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_is_get_without_a_body(shared: Registry) -> None:
    package = shared.package()
    got, asked = shared.client.get(package), shared.client.head(package)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["ETag"] == got.headers["ETag"]
    assert asked.headers["Content-Length"] == str(len(got.content))


def test_request_ids_are_kept_or_made(shared: Registry) -> None:
    given = shared.client.get("/healthz", headers={"X-Request-Id": "job-17.a"})
    assert given.headers["X-Request-Id"] == "job-17.a"
    forged = shared.client.get("/nowhere", headers={"X-Request-Id": "a b"})
    assert forged.headers["X-Request-Id"] == forged.json()["request_id"] != "a b"


@pytest.mark.parametrize(
    "head",
    ["GET /\x01 HTTP/1.1", "GET / HTTP/1.1\r\nA: \0", "nonsense"],
    ids=["control character", "NUL in a header", "no HTTP"],
)
def test_malformed_http_is_a_problem_too(head: str, shared_service: Running) -> None:
    """CB07 for headers, the Idempotency-Key among them: the parser lets no U+0000 in."""
    answer = shared_service.exchange(head)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json\r\n" in answer
    assert b'"code":"bad-request"' in answer
