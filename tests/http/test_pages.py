"""Pages of the explorer as a program sees them: headers, refusals, and that they tell what the API tells."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from artifactstore.events import EVENT_TYPES
from artifactstore.http.pages.sentences import SENTENCES
from tests.browser.story import tell
from tests.http.feeding import append_packages
from tests.http.reading import visitor
from tests.http.rewriting import unguarded
from tests.http.running import Registry, Running, running
from tests.surroundings.endpoints import Tour


class _Text(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    parser = _Text()
    parser.feed(page)
    return "".join(parser.parts)


def numbers(page: str) -> list[int]:
    """The events that a page of the log shows."""
    return [int(number) for number in re.findall(r'<li class="event [^>]*data-sequence="(\d+)"', page)]


@pytest.fixture(scope="module")
def told(shared_service: Running) -> dict[str, str]:
    """The story, in the shared service."""
    return tell(shared_service.client())


def leaves(value: Any) -> Iterator[str]:
    """The texts and numbers of a JSON value, as a tree shows them."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, bool) or value is None:
        yield str(value).lower().replace("none", "null")
    else:
        yield str(value)


def visible(text: str) -> str:
    """A text as pages show it."""
    hidden = "[\0-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066]"
    return re.sub(hidden, lambda match: f"U+{ord(match[0]):04X}", text)


def test_every_type_has_a_sentence_and_every_sentence_a_type() -> None:
    assert SENTENCES.keys() == EVENT_TYPES.keys()


@pytest.mark.usefixtures("told")
def test_an_event_says_what_the_api_says(shared_service: Running, shared: Registry) -> None:
    client, types = visitor(shared_service), set()
    for sequence in range(1, shared.head() + 1):
        answer = shared.client.get(f"/events/{sequence}")
        event, page = answer.json(), client.get(f"/ui/events/{sequence}")
        types.add(event["event_type"])
        assert page.status_code == 200
        said = text_of(page.text)
        fields = [event[name] for name in ("event_type", "subject_kind", "actor", "payload_digest")]
        fields += [event["subject_id"], event["created_at"], answer.headers["Artifactstore-Digest"]]
        for leaf in (*filter(None, fields), *leaves(event["payload"])):
            assert visible(leaf) in said
        assert "computed again by the service from the bytes below: equal" in said
    # Those that only other doors append: the log is restored from psql.
    assert EVENT_TYPES.keys() - types == {"v1.system.restored"}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "query",
    [
        "", "actor=user:operator", "action=v1.retention.*", "subject_kind=file", "from=2020-01-01T00:00:00Z",
        "to=2020-01-01T00:00:00Z", "package=pkg:generic/hostile@1", "before=9", "limit=3",
        "action=v1.package.created&actor=user:operator&limit=2",
    ],
)  # fmt: skip
def test_the_log_shows_what_the_api_gives(shared_service: Running, shared: Registry, query: str) -> None:
    asked = query if "limit" in query else f"{query}&limit=50".lstrip("&")
    given = shared.client.get(f"/audit?{asked}").json()
    page = visitor(shared_service).get(f"/ui/?{query}")
    assert numbers(page.text) == [event["sequence"] for event in given["events"]]
    assert ('rel="next"' in page.text) == (given["next"] is not None)
    said = text_of(page.text)
    for event in given["events"]:
        assert event["created_at"] in page.text
        assert event["action"].removeprefix("v1.") in said
        for word in filter(None, (event["purl"], event["actor"], event["on_behalf_of"], event["reason"])):
            assert visible(word) in said


def test_paging_neither_skips_nor_repeats_in_either_direction(service: Running) -> None:
    append_packages(service.settings.database_url, 10)
    client = visitor(service)
    head = Registry(service.client()).head()
    down, path = [], "/ui/?limit=4"
    while True:
        page = client.get(path).text
        down += numbers(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        if found is None:
            break
        path = found[1].replace("&amp;", "&")
    assert down == list(range(head, 0, -1))
    up, lowest = numbers(page)[::-1], numbers(page)[0]
    assert up[0] == 1
    while found := re.search(r'rel="prev" href="([^"]+)"', page):
        page = client.get(found[1].replace("&amp;", "&")).text
        up += [number for number in numbers(page)[::-1] if number > lowest]
        lowest = numbers(page)[0]
    assert up == list(range(1, head + 1))


def test_a_jump_to_a_time_shows_the_log_as_it_stood_then(service: Running) -> None:
    for number in range(3):
        append_packages(service.settings.database_url, 2, f"at-{number}")
    client, reader = visitor(service), service.client()
    for event in reader.get("/audit").json()["events"]:
        then = [e["sequence"] for e in reader.get("/audit").json()["events"]
                if e["created_at"] <= event["created_at"]]  # fmt: skip
        assert numbers(client.get("/ui/", params={"at": event["created_at"]}).text) == then
    newest = reader.get("/audit").json()["events"][0]["created_at"]
    minute = newest[:16].replace("T", " ")
    for typed in (minute, minute.replace(" ", "T"), newest[:10]):
        assert client.get("/ui/", params={"from": typed, "actor": " "}).status_code == 200


def test_a_request_is_all_that_it_appended_and_nothing_else(service: Running) -> None:
    registry = Registry(service.client())
    package = registry.package()
    files = [{"path": str(number), "size": 1, "blake3": "ab" * 32} for number in range(5)]
    made = registry.post(f"{package}/files", {"files": files}, Idempotency_Key="k")["files"]
    alone = registry.package()
    sequences = [file["sequence"] for file in made]
    client = visitor(service)
    for sequence in sequences:
        assert numbers(client.get(f"/ui/?request={sequence}").text) == sequences[::-1]
    head = registry.head()
    assert numbers(client.get(f"/ui/?request={head}").text) == [head]
    assert alone.split("/")[-1] in client.get(f"/ui/events/{head}").text


def test_neighbours_are_the_events_of_the_same_subject(service: Running) -> None:
    registry = Registry(service.client())
    package = registry.package()
    path = [registry.head()]
    for value in ("a", "b"):
        registry.package()
        registry.post(f"{package}/labels", {"set": {"name": value}})
        path.append(registry.head())
    client = visitor(service)
    for before, sequence, behind in zip([None, *path], path, [*path[1:], None], strict=False):
        page = client.get(f"/ui/events/{sequence}").text
        links = dict(re.findall(r'rel="(prev|next)" href="/ui/events/(\d+)"', page))
        assert links == {
            name: str(one) for name, one in (("prev", before), ("next", behind)) if one is not None
        }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/ui/events/999999", 404, "not-found"),
        ("/ui/events/x", 400, "bad-request"),
        ("/ui/nowhere", 404, "no-such-path"),
        ("/ui/?package=x", 422, "invalid-purl"),
        ("/ui/?package=pkg:generic/unknown@1", 404, "not-found"),
        ("/ui/?from=yesterday", 400, "bad-request"),
        ("/ui/?nothing=1", 400, "bad-request"),
        ("/ui/?before=999999", 409, "cursor-ahead"),
    ],
)
def test_a_refusal_is_a_page_with_the_words_of_the_problem(
    shared_service: Running, path: str, status: int, code: str
) -> None:
    page = visitor(shared_service).get(path)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    said = text_of(page.text)
    assert code in said
    assert "What to do:" in said
    assert page.headers["X-Request-Id"] in said


def test_methods_that_a_page_has_not(shared_service: Running) -> None:
    client = visitor(shared_service)
    for path, allowed in (("/ui/", "GET, HEAD, OPTIONS"), ("/ui/sign-out", "POST")):
        answer = client.put(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.headers["Content-Type"].startswith("text/html")
    assert client.head("/ui/").content == b""
    assert client.head("/ui/sign-in").content == b""


@pytest.mark.parametrize(
    "path", ["/ui/", "/ui/events/1", "/ui/nowhere", "/ui/sign-in", "/ui/events/999999", "/ui/static/x/y"]
)
def test_every_page_has_a_strict_policy_and_is_kept_by_nobody(shared_service: Running, path: str) -> None:
    headers = visitor(shared_service).get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]


def test_files_are_kept_for_ever_under_the_name_of_their_content(shared_service: Running) -> None:
    client = visitor(shared_service, None)
    page = client.get("/ui/sign-in").text
    paths = set(re.findall(r'"(/ui/static/[^"]+)"', page))
    assert {path.rpartition(".")[2] for path in paths} == {"css", "js", "svg"}
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        digest = path.split("/")[3]
        assert client.get(path.replace(digest, digest[::-1])).status_code == 404


def test_a_payload_that_is_damaged_is_shown_as_far_as_it_goes(service: Running, database: str) -> None:
    append_packages(service.settings.database_url, 1)
    head = Registry(service.client()).head()
    with unguarded(database) as owner:
        cut = "UPDATE artifactstore.events SET payload = substr(payload, 1, 20) WHERE sequence = %s"
        owner.execute(cut, (head,))
    page = visitor(service).get(f"/ui/events/{head}")
    assert page.status_code == 200
    said = text_of(page.text)
    assert "The payload is damaged" in said
    assert "the bytes end within an item" in said


def test_the_database_away_is_a_page_that_says_so(service_conninfo: str) -> None:
    with running(service_conninfo + " port=1", tokens={"reader": "ast_" + "0" * 32 + "_" + "x" * 43},
                 pool_timeout=0.2) as service:  # fmt: skip
        page = visitor(service).get("/ui/")
        assert page.status_code == 503
        assert page.headers["Retry-After"] == "1"
        assert "unavailable" in text_of(page.text)
        assert "Try again" in page.text


def test_without_a_token_the_sign_in_is_shown_and_the_way_back_is_kept(service: Running) -> None:
    answer = visitor(service, None).get("/ui/events/3?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/sign-in?next=/ui/events/3%3Fx%3D1")


def test_the_root_is_for_browsers(service: Running) -> None:
    for path in ("/", "/ui"):
        answer = visitor(service, None).get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/")
    assert service.client().get("/").json()["links"]["ui"] == "/ui/"


def test_every_event_type_is_told_by_its_own_words(service: Running) -> None:
    Tour(service.client()).go()
    page = visitor(service).get("/ui/?limit=200").text
    assert "Undefined" not in page
    assert "None" not in text_of(page)
