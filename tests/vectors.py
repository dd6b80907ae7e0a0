"""Vectors of AS-CBOR/1 and BLAKE3: tables of the project's own, and those of others in tests/data/vectors.

All are written by hand or come from other implementations, never from the code under test.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "data" / "vectors"
"""Vectors of other projects, with a README that says where they are from."""

ACCEPTED: dict[str, Any] = {
    "a0": {},
    "a1616100": {"a": 0},
    "a1616117": {"a": 23},
    "a161611818": {"a": 24},
    "a1616118ff": {"a": 255},
    "a16161190100": {"a": 256},
    "a1616119ffff": {"a": 65535},
    "a161611a00010000": {"a": 65536},
    "a161611affffffff": {"a": 4294967295},
    "a161611b0000000100000000": {"a": 4294967296},
    "a161611b001fffffffffffff": {"a": 9007199254740991},
    "a1616120": {"a": -1},
    "a1616137": {"a": -24},
    "a161613818": {"a": -25},
    "a161613b001ffffffffffffe": {"a": -9007199254740991},
    "a16161f4": {"a": False},
    "a16161f5": {"a": True},
    "a16161f6": {"a": None},
    "a1616140": {"a": b""},
    "a161614301feff": {"a": b"\x01\xfe\xff"},
    "a1616160": {"a": ""},
    "a1606161": {"": "a"},
    "a161617818" + "61" * 24: {"a": "a" * 24},
    "a16161790100" + "61" * 256: {"a": "a" * 256},
    "a17818" + "61" * 24 + "01": {"a" * 24: 1},
    "a1790100" + "61" * 256 + "01": {"a" * 256: 1},
    "a1616162c3bc": {"a": "ü"},
    "a161616365cc81": {"a": "e\u0301"},
    "a1616164f09f918b": {"a": "👋"},
    "a1616163efbfbf": {"a": "\uffff"},
    "a16161617f": {"a": "\x7f"},
    "a1616162c2b6": {"a": "¶"},
    "a16161665c7530303030": {"a": "\\u0000"},
    "a1616166225c2f0a0d09": {"a": '"\\/\n\r\t'},
    "a162c3bc01": {"ü": 1},
    "a1616180": {"a": []},
    "a161618301a080": {"a": [1, {}, []]},
    "a2616101616202": {"a": 1, "b": 2},
    "a361610161620262616103": {"a": 1, "b": 2, "aa": 3},
    "a2617a0162c3bc02": {"z": 1, "ü": 2},
}
"""Payloads as hex, and what they hold."""

REFUSED: dict[str, list[str]] = {
    "CB01 bytes after the end": ["a000", "0102", "a161610000", "a0f6"],
    "CB01 a key twice": ["a2616101616102", "a2616101616101", "a36161016162026162f6"],
    "CB01 indefinite lengths": [
        "9f01ff", "bf616101ff", "a161619f01ff", "a161617f61616162ff", "a161615f4101ff",
    ],
    "CB02 longer than needed": [
        "a161611b000000000000000b", "a16161190064", "a16161190000", "a161611817", "a161611a0000ffff",
        "a161611b00000000ffffffff", "a161613817", "a161613900ff", "a161615803010203", "a1616159000101",
        "a16161780161", "a1616179000161", "a16161980101", "a1616199000101", "a161619a0000000101",
        "b801616101", "b9000161610a", "ba0000000161610a", "a178016101", "a17900016101", "a1616161b80161",
    ],
    "CB03 keys out of order": ["a2616201616102", "a262616101616202", "a262c3bc01617a02", "a26161016002"],
    "CB03 keys that are no text": [
        "a10a01", "a12001", "a1416101", "a1f401", "a1f601", "a18001", "a1a001", "a1c0616101", "a1f93c0001",
    ],
    "CB04 floats": [
        "a16161f90000", "a16161f98000", "a16161f93c00", "a16161fb3ff0000000000000", "a16161f93e00",
        "a16161fb3ff199999999999a", "a16161f97bff", "a16161f97e00", "a16161fb7ff8000000000001",
        "a16161f97c00", "a16161f9fc00", "a16161fa7f800000", "a16161fb0000000000000001", "a16161fa47c35000",
    ],
    "CB05 deeper than 16": [
        "a16161" * 16 + "a0", "a16161" * 16 + "80", "a16161" + "81" * 16 + "00", "81" * 401 + "00",
        "a16161" + "81" * 60_000, "a16161" + "c6" * 60_000, "81" * 100_000,
    ],
    "CB06 more than there is": [
        "", "a1", "a161", "a16161", "a1616118", "a161611900", "a1616161", "a161615820" + "00" * 31,
        "a161615b7fffffffffffffff", "a161617b7fffffffffffffff", "a161619b7fffffffffffffff",
        "a16161bb7fffffffffffffff", "5b7fffffffffffffff", "9b7fffffffffffffff", "bb7fffffffffffffff",
        "a161615bffffffffffffffff", "a161619a00ffffff", "a16161" + "9a0000ffff" * 8_000, "bfffffff",
        "a161617a00010000" + "61" * 100, "a161618201", "a2616101", "a17861", "a179ffff61",
    ],
    "CB07 U+0000 in text": ["a161616100", "a1616163610062", "a1610001", "a16161a1626100f6"],
    "CB08 tags": [
        "a16161c074323031332d30332d32315432303a30343a30305a", "a16161c11a514b67b0",
        "a16161c1fb41d452d9e2000000", "a16161c249010000000000000000", "a16161c34101", "a16161c48221196ab3",
        "a16161c5822003", "a16161d81c8100", "a16161d81d00", "a16161d82350616161616161616161616161616161",
        "d9d9f7a0", "a16161d9d9f700", "a16161db00000000000f424000", "c0a0",
    ],
    "other simple values": [
        "a16161f7", "a16161e0", "a16161f3", "a16161f800", "a16161f818", "a16161f8ff", "a16161ff",
    ],
    "reserved heads": [
        "a161611c", "a161613d", "a161615e", "a161617c", "a161619d", "a16161bc", "a16161fc", "bca0",
    ],
    "integers out of range": [
        "a161611b0020000000000000", "a161613b001fffffffffffff", "a161613b0020000000000000",
        "a161611b7fffffffffffffff", "a161611b8000000000000000", "a161611bffffffffffffffff",
        "a161613bffffffffffffffff",
    ],
    "invalid UTF-8": [
        "a1616162c328", "a1616162c080", "a16161c180", "a1616163eda080", "a1616166eda0bdedb88a",
        "a1616164f4908080", "a1616164f8888080", "a1616163e08080", "a1616164f0808080", "a1616161c3",
        "a1616161ff", "a1616162e282", "a162c32801", "a161616180",
    ],
    "no map": ["00", "20", "40", "60", "80", "8161", "f4", "f6", "826161a0"],
    "over 64 KiB": ["a161617a00010000" + "61" * 65536, "a1616159fffb" + "00" * 65531],
}  # fmt: skip
"""Bytes that are no payload, as hex, by what is wrong with them (CB01 to CB08)."""

BLAKE3: dict[int, str] = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    63: "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
    64: "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
    65: "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
    127: "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d",
    128: "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef",
    129: "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12",
    1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    2048: "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
    2049: "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
    3072: "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
    3073: "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
    5120: "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
    7169: "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817",
    31744: "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
}
"""Length of the input (bytes 0 to 250, repeated) and digest, from the test vectors of BLAKE3."""


def refused() -> list[tuple[str, bytes]]:
    """Every entry of ``REFUSED`` with what is wrong with it."""
    return [(wrong, bytes.fromhex(data)) for wrong, entries in REFUSED.items() for data in entries]


def blake3_input(length: int) -> bytes:
    """The input of that length in the test vectors of BLAKE3."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def rows(name: str) -> list[dict[str, Any]]:
    """The vectors of a file of ``FOLDER`` with a JSON object per line; never empty."""
    found = [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
    assert found, name
    return found


def blake3_cases() -> list[tuple[int, str]]:
    """Lengths and digests, from the authors of BLAKE3."""
    return [(case["input_len"], case["hash"]) for case in rows("blake3.jsonl")]


def cbor_items() -> list[tuple[str, bool, bytes]]:
    """CBOR items of others: name, whether AS-CBOR/1 has them, bytes."""
    items = []
    for entry in rows("dasl-drisl.jsonl"):
        data = bytes.fromhex(entry["data"])
        # What other profiles allow and this one does not: floats, tags, wide integers, keys of other
        # types. What others refuse and this one allows: text that is not normalised.
        other = data[0] >= 0xC0 and data[0] not in (0xF4, 0xF5, 0xF6)
        other |= data[0] in (0x1B, 0x3B) and int.from_bytes(data[1:]) > 2**53 - 1 - (data[0] >> 5)
        other |= data[0] >> 5 == 5 and data[1] >> 5 != 3
        allowed = not other and (entry["type"] == "roundtrip" or "Normalization" in entry["name"])
        items.append((f"{entry['file']}: {entry['name']}", allowed, data))
    return items + [
        (entry["name"], False, bytes.fromhex(entry["hex"])) for entry in rows("ipld-dag-cbor.jsonl")
    ]


def cbor_examples() -> dict[str, list[Any]]:
    """Example values of cbor2 by kind."""
    found: dict[str, list[Any]] = json.loads((FOLDER / "cbor2-examples.json").read_text(encoding="utf-8"))
    return found


def as_json(value: Any) -> Any:
    """A value of the profile with byte strings as lower-case hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return {key: as_json(item) for key, item in value.items()} if isinstance(value, dict) else value
