"""F09: a validator changes whenever the answer would, and a guard sees what it guards (RFC 9110)."""

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.web.conditions import Tags, read_tags
from tests.effort import STEPS_OF_A_WALK
from tests.http.running import Registry

_WITH_TAG = [one for one in ENDPOINTS if one.etag and one.reads_log and one.media_type != "*/*"]
"""The tag of the others is that of a file of the program, or the digest of content (test_content.py)."""
_FOUND: dict[str, str] = {"failure": "digest_mismatch"}
_RULE = {"name": "r", "mode": "governance", "purl_type": "npm"}


def _scope(*lines: str, name: bytes = b"if-none-match") -> Any:
    return {"headers": [(name, line.encode("latin-1")) for line in lines]}


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        (["*"], Tags(any=True)),
        ([" * "], Tags(any=True)),
        (['"1"'], Tags(strong=frozenset({"1"}))),
        (['W/"1"'], Tags(weak=frozenset({"1"}))),
        (['"1", W/"2" ,"3"'], Tags(strong=frozenset("13"), weak=frozenset("2"))),
        (['"1"', '"2"'], Tags(strong=frozenset("12"))),
        (['"a,b", "c"'], Tags(strong=frozenset({"a,b", "c"}))),
        (['"W/", ""'], Tags(strong=frozenset({"W/", ""}))),
        ([', ,"1",,'], Tags(strong=frozenset("1"))),
        (['"\xe9"'], Tags(strong=frozenset({"\xe9"}))),
        ([], None),
    ],
)
def test_tags_are_read_as_rfc_9110_has_them(lines: list[str], tags: Tags | None) -> None:
    assert read_tags(_scope(*lines), b"if-none-match") == tags


@pytest.mark.parametrize(
    "text", ["1", '"1', '1"', 'w/"1"', 'W/ "1"', '"1" "2"', '*, "1"', "", ",", '"a"b', '"\t"']
)
def test_what_is_no_list_of_tags_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the whole text is the message
        read_tags(_scope(text), b"if-none-match")


def _status(registry: Registry, path: str, *lines: str) -> int:
    request = registry.client.build_request("GET", path)
    request.headers = httpx.Headers(
        [*request.headers.raw, *((b"If-None-Match", one.encode()) for one in lines)]
    )
    return registry.client.send(request).status_code


def test_if_none_match_compares_weakly_with_lists_and_any(registry: Registry) -> None:
    package = registry.package()
    tag = registry.client.get(package).headers["ETag"]
    for lines in ([tag], [f"W/{tag}"], ["*"], [f'"a,b", {tag}'], ['"0"', tag], [f",{tag},"]):
        assert _status(registry, package, *lines) == 304, lines
    for lines in (['"0"'], [f'"x,{tag[1:-1]},y"'], ["1"], [tag.strip('"')], [f"w/{tag}"], [f"{tag} x"]):
        assert _status(registry, package, *lines) == 200, lines
    missing = f"/packages/{_ID}"
    assert _status(registry, missing, "*") == 404


_ID = "0192f0c1-2d4b-7b6a-9c1d-0123456789ab"


def test_if_match_compares_strongly_with_lists_and_any(registry: Registry) -> None:
    package = registry.package()
    labels = f"{package}/labels"
    values = iter(range(100))

    def label() -> dict[str, Any]:
        return {"set": {"a": str(next(values))}}

    def tag() -> str:
        return str(registry.client.get(package).headers["ETag"])

    for lines in (
        "{}",
        "*",
        '"999999", {}',
        '{}, "1"',
        'W/"1", {}',
        '"a,b",{},"x"',
        '"9999999999999999", {}',
    ):
        registry.post(labels, label(), If_Match=lines.format(tag()))
    for lines in ("W/{}", '"1"', 'W/{}, "1"', '"x,1,y"', '""', '"0"', '"-1"', '"01"', '"' + "9" * 40 + '"'):
        told = registry.refused(labels, label(), 412, "changed", If_Match=lines.format(tag()))
        assert told["actual"] == int(tag().strip('"'))
        assert told.get("expected") != -1


def test_a_file_whose_copy_failed_is_another_answer(registry: Registry) -> None:
    package = registry.package()
    file = registry.file(package)
    location = registry.location(file)
    old = registry.client.get(file).headers["ETag"]
    registry.post(f"{location}/failed", _FOUND)
    now = registry.client.get(file, headers={"If-None-Match": old})
    assert (now.status_code, now.json()["state"]) == (200, "corrupted")
    registry.refused(f"{file}/remove", {"reason": "r"}, 412, "changed", If_Match=old)
    registry.post(f"{file}/remove", {"reason": "r"}, If_Match=now.headers["ETag"])


def test_a_copy_whose_file_was_removed_or_purged_is_another_answer(registry: Registry) -> None:
    package = registry.package()
    files = [registry.file(package, name) for name in ("a", "b")]
    copies = [registry.location(file) for file in files]
    tags = [registry.client.get(path).headers["ETag"] for path in (*files, *copies)]
    registry.post(f"{files[0]}/remove", {"reason": "r"})
    registry.post(f"{package}/delete", {"reason": "r"})
    registry.post(f"{package}/purge", {"reason": "r"})
    for path, tag in zip((*files, *copies), tags, strict=True):
        assert _status(registry, path, tag) == 200
    for copy, tag in zip(copies, tags[2:], strict=True):
        registry.refused(f"{copy}/failed", _FOUND, 412, "changed", If_Match=tag)


def test_sealing_with_a_tag_of_before_the_last_file_is_refused_and_told_the_guard(registry: Registry) -> None:
    package = registry.package()
    registry.file(package)
    before = registry.client.get(package).headers["ETag"]
    second = registry.file(package, "b")
    told = registry.refused(f"{package}/seal", {}, 412, "changed", If_Match=before)
    assert told["guard"] == "manifest_digest"
    between = registry.client.get(package).headers["ETag"]
    registry.post(f"{second}/remove", {"reason": "r"})
    registry.refused(f"{package}/seal", {}, 412, "changed", If_Match=between)
    fresh = registry.client.get(package)
    assert fresh.headers["ETag"] not in (before, between)
    registry.post(f"{package}/seal", {}, If_Match=f"{before}, {fresh.headers['ETag']}")
    sealed = registry.client.get(package)
    assert sealed.headers["ETag"] == f'"{sealed.json()["last_sequence"]}"'


def test_sealing_is_guarded_by_the_manifest_that_the_client_saw(registry: Registry) -> None:
    package = registry.package()
    registry.file(package)
    seen = registry.get(f"{package}/manifest")["manifest_digest"]
    registry.file(package, "b")
    told = registry.refused(f"{package}/seal", {"manifest_digest": seen}, 409, "manifest-changed")
    now = registry.get(f"{package}/manifest")["manifest_digest"]
    assert told["manifest_digest"] == now
    registry.post(f"{package}/seal", {"manifest_digest": now})


def test_other_commands_on_an_open_package_take_its_tag_too(registry: Registry) -> None:
    package = registry.package()
    old = registry.client.get(package)
    registry.file(package)
    fresh = registry.client.get(package)
    assert fresh.headers["ETag"] != old.headers["ETag"]
    registry.post(f"{package}/labels", {"set": {"a": "1"}}, If_Match=fresh.headers["ETag"])
    registry.refused(f"{package}/delete", {"reason": "r"}, 412, "changed", If_Match=fresh.headers["ETag"])


class _Walk:
    """Random commands over HTTP, and what is known of the subjects that they made."""

    def __init__(self, registry: Registry, seed: int) -> None:
        self._registry = registry
        self._chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
        self.known: dict[str, list[str]] = {
            "package_id": [],
            "file_id": [],
            "location_id": [],
            "sequence": [],
        }

    def begin(self) -> None:
        """A package with files that have copies."""
        package = self._registry.package()
        self._made("package_id", package)
        for name in ("a", "b", "c"):
            file = self._registry.file(package, name)
            self._made("file_id", file)
            self._made("location_id", self._registry.location(file))

    def step(self) -> None:
        """One command; many are refused, which is no matter."""
        package, file, location = (self._one(name) for name in ("package_id", "file_id", "location_id"))
        reason = {"reason": "r"}
        commands: list[tuple[str | None, str, Any]] = [
            ("package", "", None),
            ("file", "", None),
            ("file", "", None),
            ("location", "", None),
            (package, f"/packages/{package}/labels", {"set": {"n": str(self._chance.random())}}),
            (package, f"/packages/{package}/seal", {}),
            (package, f"/packages/{package}/yank", reason),
            (package, f"/packages/{package}/delete", reason),
            (package, f"/packages/{package}/restore", reason),
            (package, f"/packages/{package}/purge", reason),
            *[(package, f"/packages/{package}/holds", {"case": "c", **reason})] * 3,
            (file, f"/files/{file}/remove", reason),
            ("log", "/policies", {"rules": [{**_RULE, "days": self._chance.randrange(1, 9)}]}),
            *[(location, f"/locations/{location}/verified", {"method": "full_read"})] * 3,
            *[(location, f"/locations/{location}/failed", _FOUND)] * 3,
            *[(location, f"/locations/{location}/retire", {"outcome": "deleted", **reason})] * 2,
        ]
        subject, path, body = self._chance.choice(commands)
        if subject == "package":
            self._made("package_id", self._registry.package())
        elif subject == "file" and package is not None:
            self._try(
                "file_id", lambda: self._registry.file(f"/packages/{package}", f"f{self._chance.random()}")
            )
        elif subject == "location" and file is not None:
            self._try("location_id", lambda: self._registry.location(f"/files/{file}"))
        elif path and subject is not None:
            self._registry.client.post(path, json=body)
        self.known["sequence"] = [str(self._registry.head()), "1"]

    def paths(self, endpoint: Endpoint) -> Iterator[str]:
        """Its path for every known subject; fails for a parameter that this walk knows nothing of."""
        names = [parameter.name for parameter in endpoint.path_parameters]
        if endpoint.path == "/policies":
            yield endpoint.path
            return
        if not names:
            yield from (f"{endpoint.path}?since={since}&limit=2" for since in (0, 3))
            return
        (name,) = names
        # Those that the walk began with, and those that it acts on.
        for value in dict.fromkeys(self.known[name][:3] + self.known[name][-2:]):
            yield endpoint.path.format(**{name: value})

    def _one(self, name: str) -> str | None:
        return self._chance.choice(self.known[name][-4:]) if self.known[name] else None

    def _made(self, name: str, path: str) -> None:
        self.known[name].append(path.rpartition("/")[2])

    def _try(self, name: str, make: Any) -> None:
        with suppress(AssertionError):  # refused: the package is not open, or the file is gone
            self._made(name, make())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_validator_changes_whenever_the_answer_would(registry: Registry, seed: int) -> None:
    """F09: Every endpoint that has an ETag, whatever happens: one tag never stands for two answers."""
    walk = _Walk(registry, seed)
    walk.begin()
    answers: dict[tuple[str, str], bytes] = {}
    latest: dict[str, str] = {}
    changed = {endpoint.path: 0 for endpoint in _WITH_TAG}
    for _ in range(STEPS_OF_A_WALK):
        walk.step()
        for endpoint in _WITH_TAG:
            for path in walk.paths(endpoint):
                old = latest.get(path)
                now = registry.client.get(path, headers={"If-None-Match": old} if old else {})
                plain = registry.client.get(path)
                tag = plain.headers.get("ETag")
                assert (now.status_code == 304) == (old is not None and tag == old), path
                if tag is None:
                    assert endpoint.path == "/events", "a page that ends at the head"
                    continue
                assert answers.setdefault((path, tag), plain.content) == plain.content, (path, tag)
                changed[endpoint.path] += old not in (None, tag)
                latest[path] = tag
    assert all(changed[path] for path in changed if not path.startswith("/events")), changed
