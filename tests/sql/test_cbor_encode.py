"""cbor_encode: JSON as people write it, every bound, and every form that is refused by field."""

import json
from typing import Any

import psycopg
import pytest

from artifactstore import codec
from artifactstore.errors import translate
from artifactstore.events import EVENT_TYPES, catalogue, parse_time
from tests.timing import at_best, seconds_of

ID = "018f2f3e-0000-7000-8000-0000000000ab"
HEX = "00112233445566778899aabbccddeeff" * 2
FILE = {"package_id": ID, "path": "a/b", "size": 3, "blake3": HEX}


def encode(connection: psycopg.Connection[Any], event_type: str, payload: str) -> bytes:
    """Bytes that cbor_encode makes of JSON text."""
    row = connection.execute("SELECT artifactstore.cbor_encode(%s, %s)", (event_type, payload)).fetchone()
    assert row is not None
    return bytes(row[0])


def refusal(connection: psycopg.Connection[Any], event_type: str, payload: str) -> dict[str, Any]:
    """Assert that the JSON is refused as bad-payload of that type; returns DETAIL."""
    with pytest.raises(psycopg.Error) as caught:
        encode(connection, event_type, payload)
    assert caught.value.sqlstate == "ST001", (payload[:80], caught.value)
    detail = translate(caught.value).detail
    assert detail["event_type"] == event_type
    assert detail["problem"]
    return detail


def with_text(field: str, text: str) -> str:
    """``FILE`` as JSON, with the JSON text as value of a field."""
    values = {name: json.dumps(value) for name, value in FILE.items()} | {field: text}
    return "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"


def test_the_catalogue_is_that_of_python(module_connection: psycopg.Connection[Any]) -> None:
    rows = module_connection.execute(
        "SELECT event_type, subject_kind, description, fields FROM artifactstore.event_types"
    ).fetchall()
    assert {row[0]: row[3] for row in rows} == catalogue()
    for event_type, subject_kind, description, _ in rows:
        assert subject_kind == event_type.split(".")[1]
        assert EVENT_TYPES[event_type].__doc__ == description


def test_json_becomes_the_payload_of_python(module_connection: psycopg.Connection[Any]) -> None:
    payload = {
        "purl": "pkg:generic/ü@1",
        "labels": {"z": "", "é": "1", "aa": "\\u0000", "k" * 100: '"\n'},
        "retention": {"until": "2030-01-31T13:00:00.5+01:00", "mode": "governance"},
        "request": {"events": 1, "key": "k", "digest": "blake3:" + HEX.upper()},
    }
    assert encode(module_connection, "v1.package.created", json.dumps(payload)) == codec.encode(
        {
            "purl": "pkg:generic/ü@1",
            "labels": {"z": "", "é": "1", "aa": "\\u0000", "k" * 100: '"\n'},
            "retention": {"until": 1_896_091_200_500_000, "mode": "governance"},
            "request": {"events": 1, "key": "k", "digest": bytes.fromhex(HEX)},
        }
    )


@pytest.mark.parametrize("spelling", [ID, ID.upper(), ID.replace("-", "")])
def test_ids_are_uuids_in_any_case_with_dashes_or_without(
    module_connection: psycopg.Connection[Any], spelling: str
) -> None:
    data = encode(module_connection, "v1.file.ingested", json.dumps(FILE | {"package_id": spelling}))
    assert codec.decode(data)["package_id"] == bytes.fromhex(ID.replace("-", ""))


@pytest.mark.parametrize(
    "value",
    [
        "", ID[:-1], ID + "0", "{" + ID + "}", "urn:uuid:" + ID, ID.replace("0", "g"), ID[:8] + ID[9:] + "-",
        " " + ID, "018f2f3e0000-7000-8000-0000000000ab", "018f2f3e-00007-000-8000-0000000000ab", 1, None,
        [], ID + "\n",
    ],
)  # fmt: skip
def test_other_ids_are_refused(module_connection: psycopg.Connection[Any], value: Any) -> None:
    text = json.dumps(FILE | {"package_id": value})
    assert refusal(module_connection, "v1.file.ingested", text)["field"] == "package_id"


@pytest.mark.parametrize(
    ("field", "spelling"),
    [
        ("blake3", HEX), ("blake3", HEX.upper()),
        ("blake3", "blake3:" + HEX), ("blake3", "blake3:" + HEX.upper()),
        ("sha256", HEX), ("sha256", "sha256:" + HEX),
    ],
)  # fmt: skip
def test_rg12_one_digest_however_it_is_spelt(
    module_connection: psycopg.Connection[Any], field: str, spelling: str
) -> None:
    data = encode(module_connection, "v1.file.ingested", json.dumps(FILE | {field: spelling}))
    assert codec.decode(data)[field] == bytes.fromhex(HEX)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("blake3", "sha256:" + HEX), ("sha256", "blake3:" + HEX), ("blake3", "md5:" + HEX[:32]),
        ("blake3", "sha-256:" + HEX), ("blake3", "BLAKE3:" + HEX), ("blake3", "blake3:"), ("blake3", ""),
        ("blake3", HEX[:-1]), ("blake3", HEX + "0"), ("blake3", HEX[:-2]), ("blake3", " " + HEX[1:]),
        ("blake3", "0x" + HEX[2:]), ("blake3", HEX[:-1] + "g"), ("blake3", "a" * 10_000), ("blake3", None),
        ("blake3", 1), ("blake3", "blake3:" + HEX[:-2]), ("blake3", "blake3:blake3:" + HEX),
        ("sha256", "\\x" + HEX[2:]),
    ],
)  # fmt: skip
def test_rg12_other_digests_are_refused(
    module_connection: psycopg.Connection[Any], field: str, value: Any
) -> None:
    text = json.dumps(FILE | {field: value})
    assert refusal(module_connection, "v1.file.ingested", text)["field"] == field


@pytest.mark.parametrize("size", ["0", "1", "9007199254740991"])
def test_rg11_sizes_are_whole_numbers(module_connection: psycopg.Connection[Any], size: str) -> None:
    data = encode(module_connection, "v1.file.ingested", with_text("size", size))
    assert codec.decode(data)["size"] == int(size)


@pytest.mark.parametrize(
    "size",
    [
        "-1", "1.0", "1.5", "1e2", "1E2", "0e0", "-0", "1e400", "1e-400", '"10"', "true", "null", "[]", "{}",
        "9007199254740992", "9223372036854775807", "9223372036854775808", "1" + "0" * 400, '""',
    ],
)  # fmt: skip
def test_rg11_rpl12_other_sizes_are_refused(module_connection: psycopg.Connection[Any], size: str) -> None:
    detail = refusal(module_connection, "v1.file.ingested", with_text("size", size))
    assert detail["field"] == "size"


@pytest.mark.parametrize("payload", ['{"size": NaN}', '{"size": Infinity}', '{"size": 01}', "{", ""])
def test_cb09_what_is_no_json_reaches_no_function(
    module_connection: psycopg.Connection[Any], payload: str
) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        encode(module_connection, "v1.file.ingested", payload)


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00Z", "2030-01-31T12:00:00.5Z", "2030-01-31t13:00:00.500000+01:00",
        "2030-01-31T06:29:59.50-05:30", "2024-02-29T23:59:59z", "2255-06-05T23:47:34.740991Z",
        "1684-07-28T00:12:25.259009Z", "2000-12-31T23:59:59.999999-23:59", "1900-03-01T00:00:00+23:59",
    ],
)  # fmt: skip
def test_rpl10_cb08_times_are_those_of_python(module_connection: psycopg.Connection[Any], text: str) -> None:
    for zone in ("UTC", "Asia/Kolkata"):
        module_connection.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
        data = encode(
            module_connection, "v1.retention.applied", json.dumps({"mode": "governance", "until": text})
        )
        micros = codec.decode(data)["until"]
        row = module_connection.execute("SELECT artifactstore.from_micros(%s)", (micros,)).fetchone()
        assert row == (parse_time(text),)
        row = module_connection.execute("SELECT artifactstore.to_micros(%s)", row).fetchone()
        assert row == (micros,)
    module_connection.execute("RESET TimeZone")


@pytest.mark.parametrize("micros", [0, -1, 2**53 - 1, -(2**53) + 1])
def test_times_may_be_microseconds(module_connection: psycopg.Connection[Any], micros: int) -> None:
    payload = json.dumps({"mode": "governance", "until": micros})
    assert codec.decode(encode(module_connection, "v1.retention.applied", payload))["until"] == micros


@pytest.mark.parametrize(
    "value",
    [
        "", "2030-01-31", "2030-01-31T12:00:00", "2030-01-31T12:00Z", "2030-01-31T12:00:00.Z",
        "2030-01-31T12:00:00.1234567Z", "2030-01-31T12:00:00.000000000Z", "2030-01-31T12:00:00,5Z",
        "2030-01-31T12:00:60Z", "2030-01-31T24:00:00Z", "2030-02-30T12:00:00Z", "2023-02-29T12:00:00Z",
        "2030-13-01T12:00:00Z", "2030-00-01T12:00:00Z", "2030-01-00T12:00:00Z", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z",
        "2255-06-05T23:47:34.740992Z", "-0044-03-15T00:00:00Z", "294276-12-31T00:00:00Z", "infinity",
        "-infinity", "now", "2030-01-31T12:00:00+1:00", "2030-01-31T12:00:00+0100",
        "2030-01-31T12:00:00+01:60", "2030-01-31T12:00:00+24:00", "2030-01-31T12:00:00 UTC", "1896091200",
        "٢٠٣٠-01-31T12:00:00Z", " 2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z\n", "2030-01-31 12:00:00Z",
        2**53, -(2**53), 1.5, True, None, [],
    ],
)  # fmt: skip
def test_rpl07_rpl08_other_times_are_refused(module_connection: psycopg.Connection[Any], value: Any) -> None:
    payload = json.dumps({"mode": "governance", "until": value})
    assert refusal(module_connection, "v1.retention.applied", payload)["field"] == "until"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ('{"reason": "r", "reason": "r"}', "reason"),
        ('{"reason": "r", "re\\u0061son": "s"}', "reason"),
        ('{"reason": "r", "Reason": "r"}', "Reason"),
        ('{"reason": "r", "": "r"}', ""),
        ("{}", "reason"),
        ('{"reason": null}', "reason"),
        ('{"reason": ""}', "reason"),
        ('{"reason": "r", "request": {"key": "k", "digest": "' + HEX + '"}}', "request.events"),
        ('{"reason": "r", "request": {"key": "k", "key": "k"}}', "request.key"),
        ('{"reason": "r", "request": {"key": "k", "x": 1}}', "request.x"),
        ('{"reason": "r", "request": "k"}', "request"),
        ('{"reason": "r", "request": null}', "request"),
    ],
)
def test_unknown_missing_doubled_and_null_fields_are_refused(
    module_connection: psycopg.Connection[Any], payload: str, field: str
) -> None:
    assert refusal(module_connection, "v1.package.yanked", payload)["field"] == field


@pytest.mark.parametrize(
    ("event_type", "payload", "field"),
    [
        ("v1.package.created", {"purl": "p" * 1025}, "purl"),
        ("v1.package.created", {"purl": "é" * 513}, "purl"),
        ("v1.package.created", {"purl": "p", "media_type": "m" * 256}, "media_type"),
        ("v1.package.created", {"purl": "p", "labels": {"k": "v" * 1025}}, "labels.k"),
        ("v1.package.created", {"purl": "p", "labels": {"k": 1}}, "labels.k"),
        ("v1.package.created", {"purl": "p", "labels": {"k": None}}, "labels.k"),
        ("v1.package.created", {"purl": "p", "labels": {"k": {}}}, "labels.k"),
        ("v1.package.created", {"purl": "p", "labels": {"": "v"}}, "labels."),
        ("v1.package.created", {"purl": "p", "labels": {"k" * 129: "v"}}, "labels." + "k" * 129),
        ("v1.package.created", {"purl": "p", "labels": {f"{n:03}": "" for n in range(257)}}, "labels.256"),
        ("v1.package.created", {"purl": "p", "labels": []}, "labels"),
        ("v1.package.created", {"purl": "p", "retention": {"mode": "soft", "until": 1}}, "retention.mode"),
        ("v1.package.labeled", {"unset": [""]}, "unset[0]"),
        ("v1.package.labeled", {"unset": ["k", 1]}, "unset[1]"),
        ("v1.package.labeled", {"unset": ["k"] * 257}, "unset"),
        ("v1.package.labeled", {"unset": {}}, "unset"),
        ("v1.file.ingested", FILE | {"path": "p" * 1025}, "path"),
        ("v1.file.ingested", FILE | {"locations": [{"location_id": ID, "backend": "b"}]}, "locations[0].uri"),
        ("v1.file.ingested", FILE | {"locations": ["x"]}, "locations[0]"),
        ("v1.package.deleted", {"reason": "r", "bypass_governance": "true"}, "bypass_governance"),
        ("v1.package.deleted", {"reason": "r", "bypass_governance": 1}, "bypass_governance"),
        (
            "v1.retention.shortened",
            {"from": 1, "to": 0, "reason": "r", "bypass_governance": False},
            "bypass_governance",
        ),
        ("v1.system.restored", {"epoch": 1, "epoch_id": ID, "from_sequence": 1, "reason": "r"}, "epoch"),
    ],
)
def test_values_out_of_bounds_are_refused_by_field(
    module_connection: psycopg.Connection[Any], event_type: str, payload: dict[str, Any], field: str
) -> None:
    assert refusal(module_connection, event_type, json.dumps(payload))["field"] == field


def test_labels_given_twice_are_refused(module_connection: psycopg.Connection[Any]) -> None:
    payload = '{"purl": "p", "labels": {"k": "1", "k": "1"}}'
    assert refusal(module_connection, "v1.package.created", payload)["field"] == "labels.k"


@pytest.mark.parametrize(
    "payload",
    [
        r'{"reason": "a\u0000b"}', r'{"reason": "\\\u0000"}',
        r'{"reason": "\uD800"}', r'{"reason": "\uDFFF"}',
        r'{"reason": "\uD83D"}', r'{"reason": "\uDC4B\uD83D"}', r'{"reason": "\uD83Dx\uDC4B"}',
        r'{"reason": "r", "\u0000": 1}', r'{"reason": "r", "request": {"key": "\u0000"}}',
        r'{"re\ud800son": "r"}',
    ],
)  # fmt: skip
def test_cb07_escapes_that_no_text_can_hold_are_refused(
    module_connection: psycopg.Connection[Any], payload: str
) -> None:
    detail = refusal(module_connection, "v1.package.yanked", payload)
    assert detail["problem"] == "text cannot hold U+0000 or a lone surrogate"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (r'{"reason": "\\u0000"}', "\\u0000"),
        (r'{"reason": "\\\\u0000 \\ud800"}', "\\\\u0000 \\ud800"),
        (r'{"reason": "\ud83d\udc4b \u00e9 \uD83D\uDC4B"}', "👋 é 👋"),
        (r'{"reason": "\u0001\u007f\/\b"}', "\x01\x7f/\b"),
    ],
)
def test_cb07_other_escapes_are_kept(
    module_connection: psycopg.Connection[Any], payload: str, reason: str
) -> None:
    assert codec.decode(encode(module_connection, "v1.package.yanked", payload)) == {"reason": reason}


def test_cb05_deep_json_is_refused_and_the_backend_lives(
    module_connection: psycopg.Connection[Any],
) -> None:
    before = module_connection.info.backend_pid
    deep = '{"reason": ' + "[" * 900 + "]" * 900 + "}"

    def refused() -> None:
        assert refusal(module_connection, "v1.package.yanked", deep)["field"] == "reason"
        with pytest.raises(psycopg.errors.StatementTooComplex):
            encode(module_connection, "v1.package.yanked", "[" * 100_000)

    assert at_best(lambda: seconds_of(refused), 1) < 1
    encode(module_connection, "v1.package.yanked", '{"reason": "r"}')
    assert module_connection.info.backend_pid == before


@pytest.mark.parametrize("payload", ["[]", "1", '"a"', "null", "true"])
def test_a_payload_is_an_object(module_connection: psycopg.Connection[Any], payload: str) -> None:
    assert refusal(module_connection, "v1.package.yanked", payload)["problem"] == "a payload is an object"


def test_a_payload_over_64_kib_is_refused(module_connection: psycopg.Connection[Any]) -> None:
    labels = {f"{n:03}": "v" * 1024 for n in range(64)}
    detail = refusal(module_connection, "v1.package.created", json.dumps({"purl": "p", "labels": labels}))
    assert "of which 65536 are allowed" in str(detail["problem"])


def test_unknown_event_types_are_refused(module_connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as caught:
        encode(module_connection, "v2.package.created", "{}")
    assert caught.value.sqlstate == "ST002"
    assert translate(caught.value).detail["event_type"] == "v2.package.created"
