"""append_json and what people write: names (RG10), sizes (RG11), digests (RG12), JSON forms (RPL12)."""

import json
from uuid import UUID

import pytest

from artifactstore.codec import digest
from artifactstore.events import NewEvent, PackageCreated, from_payload, new_id
from tests.sql.support import ANN, CONTENT, Log

HEX = CONTENT.hex()


def file_json(package: UUID, size: str = "3", blake3: str = f'"{HEX}"', path: str = '"a"') -> str:
    """Payload of v1.file.ingested as JSON, its values as JSON texts."""
    return f'{{"package_id": "{package}", "path": {path}, "size": {size}, "blake3": {blake3}}}'


def append_file(log: Log, **values: str) -> UUID:
    """Append a file by append_json; returns its id."""
    file = new_id()
    log.append_json("v1.file.ingested", file, file_json(log.package(), **values))
    return file


def refused_file(log: Log, **values: str) -> str:
    """Assert that no such file is appended; returns the field that is named."""
    payload = file_json(log.package(), **values)
    with log.unchanged():
        detail = log.failure("bad-payload", lambda: log.append_json("v1.file.ingested", new_id(), payload))
    assert detail["event_type"] == "v1.file.ingested"
    return str(detail["field"])


@pytest.mark.parametrize("size", ["0", "1", "9007199254740991"])
def test_rg11_sizes_are_exact(log: Log, size: str) -> None:
    file = append_file(log, size=size)
    assert log.rows("artifact_files")[file]["size"] == int(size)


@pytest.mark.parametrize(
    "size",
    [
        "-1", "1.0", "1.5", '"10"', "true", "null", "9007199254740992", "9223372036854775807",
        "9223372036854775808", "1e2", "1E2", "1e400", "-1e-400", "[]", "{}", '""', "1" + "0" * 400,
    ],
)  # fmt: skip
def test_rg11_odd_sizes_are_refused(log: Log, size: str) -> None:
    assert refused_file(log, size=size) == "size"


def test_rg11_a_missing_size_is_refused(log: Log) -> None:
    payload = json.dumps({"package_id": str(log.package()), "path": "a", "blake3": HEX})
    with log.unchanged():
        detail = log.failure("bad-payload", lambda: log.append_json("v1.file.ingested", new_id(), payload))
    assert detail["field"] == "size"


def test_rg11_sums_per_package_are_exact(log: Log) -> None:
    package = log.package()
    for path in ("a", "b", "c"):
        payload = file_json(package, size="9007199254740991", path=f'"{path}"')
        log.append_json("v1.file.ingested", new_id(), payload)
    total = 3 * (2**53 - 1)
    assert log.manifest(package).total_bytes == total
    seal = json.dumps({"manifest_digest": HEX, "file_count": 3, "total_bytes": total, "as_of": 5})
    with log.unchanged():
        log.failure("bad-payload", lambda: log.append_json("v1.package.sealed", package, seal))


@pytest.mark.parametrize(
    "spelling", [HEX, HEX.upper(), HEX[:32] + HEX[32:].upper(), f"blake3:{HEX}", f"blake3:{HEX.upper()}"]
)
def test_rg12_every_spelling_of_a_digest_is_one_digest(log: Log, spelling: str) -> None:
    file = append_file(log, blake3=json.dumps(spelling))
    assert log.rows("artifact_files")[file]["blake3"] == CONTENT
    assert (
        log.value("SELECT payload ->> 'blake3' FROM artifactstore.event_log WHERE subject_id = %s", file)
        == HEX
    )


@pytest.mark.parametrize(
    "spelling",
    [
        "", " ", "blake3:", "blake3", f"md5:{HEX}", f"sha256:{HEX}", f"sha-256:{HEX}", f"BLAKE3:{HEX}",
        f"b3:{HEX}",
        f"blake3:blake3:{HEX}", HEX[:-1], HEX[:-2], HEX + "0", HEX + "00", f" {HEX}", f"{HEX} ",
        f"blake3: {HEX}",
        HEX[:-1] + "g", "0x" + HEX[2:], HEX[:30] + " " + HEX[31:], "\\x" + HEX, HEX * 160, "é" * 32,
        "md5:d41d8cd98f00",
    ],
)  # fmt: skip
def test_rg12_any_other_digest_is_refused(log: Log, spelling: str) -> None:
    assert refused_file(log, blake3=json.dumps(spelling)) == "blake3"


@pytest.mark.parametrize("value", ["null", "1", "true", "[]", "{}"])
def test_rg12_a_digest_is_text(log: Log, value: str) -> None:
    assert refused_file(log, blake3=value) == "blake3"


@pytest.mark.parametrize(
    "path", [r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"a\udfff"', '""', '"' + "x" * 1025 + '"',
    '"' + "é" * 513 + '"',
             "null", "1", '"' + "x" * 1000000 + '"']
)  # fmt: skip
def test_rg10_paths_that_are_no_text_or_too_long_are_refused(log: Log, path: str) -> None:
    package = log.package()
    payload = file_json(package, path=path)
    with log.unchanged():
        detail = log.failure("bad-payload", lambda: log.append_json("v1.file.ingested", new_id(), payload))
    assert detail["event_type"] == "v1.file.ingested"


@pytest.mark.parametrize(
    "path", [r'"a\nb"', r'"\t"', r'"\u001b[31m"', r'"\u007f"', '"../x"', '"/etc/passwd"', '"."', '"a//b"',
    '"e\u0301"']
)  # fmt: skip
def test_rg10_paths_that_walk_or_forge_are_refused(log: Log, path: str) -> None:
    payload = file_json(log.package(), path=path)
    with log.unchanged():
        log.failure("bad-path", lambda: log.append_json("v1.file.ingested", new_id(), payload))


@pytest.mark.parametrize(
    "name", ["../../x", "/abs", "a/../b", "..\\x", "%2e%2e%2f", ".", "", " ", "a\n", "a\u202eb"]
)
def test_rg10_names_of_packages_that_walk_or_forge_are_refused(log: Log, name: str) -> None:
    payload = json.dumps({"purl": f"pkg:generic/{name}"})
    with log.unchanged():
        log.failure("invalid-purl", lambda: log.append_json("v1.package.created", new_id(), payload))


def test_rpl12_the_digest_is_that_of_the_bytes_that_are_served(log: Log) -> None:
    package = new_id()
    payload = """{"retention": {"until": "2100-01-01T01:00:00.5+01:00", "mode": "governance"},
        "labels": {"b": "2", "a": "1", "aa": "", "Z": "z", "\\u00e9": "\\u00df"},
        "purl": "pkg:generic/a@1"}"""
    log.append_json("v1.package.created", package, payload)
    [row] = log.query(
        "SELECT payload, payload_digest FROM artifactstore.events WHERE subject_id = %s", package
    )
    assert row["payload_digest"] == digest(row["payload"])
    event, origin = from_payload("v1.package.created", row["payload"])
    assert NewEvent(event, package, ANN, request=origin.request).payload() == row["payload"]
    assert isinstance(event, PackageCreated)
    assert event.labels == {"Z": "z", "a": "1", "b": "2", "aa": "", "é": "ß"}


@pytest.mark.parametrize(
    "payload",
    [
        '{"purl": "pkg:generic/a@1", "purl": "pkg:generic/b@1"}',
        '{"purl": "pkg:generic/a@1", "labels": {"a": "1", "a": "2"}}',
    ],
)
def test_rpl12_keys_given_twice_are_refused(log: Log, payload: str) -> None:
    with log.unchanged():
        log.failure("bad-payload", lambda: log.append_json("v1.package.created", new_id(), payload))


@pytest.mark.parametrize(
    "value", ["1", "1.0", "1e2", "1e400", "123456789012345678901234567890", "null", "{}"]
)
def test_rpl12_labels_are_texts(log: Log, value: str) -> None:
    payload = f'{{"purl": "pkg:generic/a@1", "labels": {{"a": {value}}}}}'
    with log.unchanged():
        detail = log.failure("bad-payload", lambda: log.append_json("v1.package.created", new_id(), payload))
    assert detail["field"].startswith("labels")
