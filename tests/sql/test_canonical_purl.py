"""canonical_purl: any valid spelling has one canonical form, any other text is told what is wrong (F50)."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore.errors import ERRORS
from tests.effort import EXAMPLES
from tests.sql.support import Log
from tests.vectors import rows

EXCEPTIONS = {
    # The definition says that names of type git keep their case, and all other vectors agree.
    ("validate", "pkg:git/github/Package-url/purl-Spec@244fd47e07d1004f0aed9c"),
    # Both are valid by the validate vectors, and keys in other letters are valid by those of type maven.
    ("parse", "pkg:gem/jruby-launcher@1.1.2?Platform=java"),
    ("parse", "pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25"),
}
"""Vectors that contradict the definition of the type or other vectors: at most four."""

REAL = [
    line
    for line in (Path(__file__).parent / "data" / "purls.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]

SPELLINGS = {
    "pkg:npm/%40scope/name@1": [
        "pkg:npm/@scope/name@1", "pkg:npm/%40scope/name@1", "PKG:NPM/%40scope//name@1/", "pkg:///npm/@scope/name@1?",
        "pkg:npm/%40%73cope/n%61me@1#", "pkg:npm/@scope/name@1?a=&b=#/./../",
    ],
    "pkg:npm/%40babel/core#a/b": ["pkg:npm/@babel/core#/a/b/", "pkg:npm/%40babel/core#a//b"],
    "pkg:npm/Name": ["pkg:npm/Name", "pkg:NPM/Name@"],
    "pkg:pypi/my-tool@1.0rc1": ["pkg:pypi/My_Tool@1.0RC1", "pkg:PyPI/MY-TOOL@1.0rc1"],
    "pkg:github/owner/repo@Tag": ["pkg:github/Owner/Repo@Tag"],
    "pkg:github/a/b@refs%2Fheads%2Fmain": [
        "pkg:github/a/b@refs/heads/main", "pkg:github/a/b@refs%2fheads/main",
    ],
    "pkg:brew/node%4020@20.10.0": ["pkg:brew/node@20@20.10.0", "pkg:brew/Node%4020@20.10.0"],
    "pkg:generic/a?repository_url=https:%2F%2Fh%2Fa": [
        "pkg:generic/a?repository_url=https://h/a", "pkg:generic/a?repository_url=https:%2F%2Fh%2Fa",
        "pkg:generic/a?Repository_URL=https%3A%2F%2Fh/a", "pkg:generic/a?&repository_url=https://h/a&",
    ],
    "pkg:generic/a?a=1&b=2&b2=3&b_=4": ["pkg:generic/a?b_=4&b2=3&b=2&A=1&c="],
    "pkg:generic/a?x=a%3Db": ["pkg:generic/a?x=a=b"],
    "pkg:generic/a?v=git%2Bhttps:%2F%2Fh%2Fr%40c": ["pkg:generic/a?v=git+https://h/r@c"],
    "pkg:generic/a%2Fb@1%2F2": ["pkg:generic/a%2Fb@1%2f2", "pkg:generic/a%2Fb@1/2"],
    "pkg:generic/%C3%A9@1%2B2": ["pkg:generic/é@1+2", "pkg:generic/e\u0301@1%2b2", "pkg:generic/e%CC%81@1+2"],
    "pkg:generic/a%22b%3Cc%3E": ['pkg:generic/a"b<c>'],
    "pkg:generic/%C3%89/k": ["pkg:generic/%C3%89/k"],
    "pkg:composer/%C3%89a/b": ["pkg:composer/%C3%89A/B"],
    "pkg:git/host/a/B/c": ["pkg:git/host/a/B/c", "pkg:git/host/a%2FB/c", "pkg:git/host/a%2FB%2Fc/"],
    "pkg:cpan/AUTHOR/Dist-Name": ["pkg:cpan/author/Dist-Name"],
    "pkg:mlflow/m?repository_url=https:%2F%2Fx.databricks.com": ["pkg:mlflow/M?repository_url=https://x.databricks.com"],
    "pkg:mlflow/M?repository_url=https:%2F%2Fh%2Fdatabricks": ["pkg:mlflow/M?repository_url=https://h/databricks"],
    "pkg:otp/a#x/y": ["pkg:otp/A#X/Y"],
    "pkg:pub/a_b_c": ["pkg:pub/A-b.c"],
    "pkg:unknown.type-1/A/B_c@V?k=V#S": ["pkg:UNKNOWN.type-1/A/B_c@V?K=V#S"],
    "pkg:julia/A?uuid=u": ["pkg:julia/A?UUID=u"],
    "pkg:swid/A?tag_id=75b8c285-fa7b-485b-b199-4745e3004d0d": [
        "pkg:swid/A?tag_id=75B8C285-FA7B-485B-B199-4745E3004D0D",
    ],
    "pkg:swid/A?tag_id=No-GUID": ["pkg:swid/A?tag_id=No-GUID"],
    "pkg:oci/app@sha256:ab?tag=A": ["pkg:oci/App@sha256%3AAB?tag=A"],
    "pkg:golang/github.com/Azure/sdk@v1": ["pkg:golang/github.com//Azure/sdk@v1"],
    "pkg:maven/g/a@1.0%20Final": ["pkg:maven/g/a@1.0%20Final"],
    "pkg:generic/a#b%3Fc%2Bd": ["pkg:generic/a#b?c+d"],
    "pkg:generic/a:b@sha256:00": ["pkg:generic/a%3Ab@sha256%3a00"],
    "pkg:generic/%25": ["pkg:generic/%25"],
}  # fmt: skip
"""Canonical forms, and spellings of each."""

REFUSED = [
    # text, part, at, character, canonical, words
    ("", "scheme", 1, None, None, "begin with pkg:"),
    ("name@1", "scheme", 1, None, None, "begin with pkg:"),
    ("pkg%3Amaven/g/a", "scheme", 1, None, "pkg:maven/g/a", "begin with pkg:"),
    ("pkg:", "type", None, None, None, "the type"),
    ("pkg:npm", "name", None, None, None, "a type and a name"),
    ("pkg:npm/", "name", 9, None, None, "the name is missing"),
    ("pkg:npm/@1", "name", 9, None, None, "the name is missing"),
    ("pkg:swift/h/o/@1", "name", None, None, None, "the name is missing"),
    ("pkg:n&g/a", "type", 6, "U+0026", None, "the type"),
    ("pkg:3a/b", "type", 5, "U+0033", None, "the type"),
    ("pkg:a_b/c", "type", 6, "U+005F", None, "the type"),
    (" pkg:generic/a", "text", 1, "U+0020", "pkg:generic/a", "blanks around"),
    ("pkg:generic/a\n", "text", 14, "U+000A", "pkg:generic/a", "blanks around"),
    ("pkg:generic/a b", "text", 14, "U+0020", "pkg:generic/a%20b", "%20"),
    (" pkg:generic/a\u200bb c", "text", 1, "U+0020", "pkg:generic/ab%20c", "blanks around"),
    ("pkg:generic/a\tb", "text", 14, "U+0009", "pkg:generic/ab", "cannot be seen"),
    ("pkg:generic/a\u200bb", "text", 14, "U+200B", "pkg:generic/ab", "cannot be seen"),
    ("pkg:generic/\u202eab", "text", 13, "U+202E", "pkg:generic/ab", "cannot be seen"),
    ("pkg:generic/a\u00a0b", "text", 14, "U+00A0", "pkg:generic/ab", "cannot be seen"),
    ("pkg:generic/a%E2%80%8Bb", "name", 14, "U+200B", "pkg:generic/ab", "cannot be seen"),
    ("pkg:generic/n%c2%adn/b", "namespace", 14, "U+00AD", "pkg:generic/nn/b", "cannot be seen"),
    ("pkg:generic/a@1%EF%BB%BF", "version", 16, "U+FEFF", "pkg:generic/a@1", "cannot be seen"),
    ("pkg:generic/a?b=%E2%80%AE", "qualifiers", 17, "U+202E", "pkg:generic/a", "cannot be seen"),
    ("pkg:generic/a#%F3%A0%81%81", "subpath", 15, "U+E0041", "pkg:generic/a", "cannot be seen"),
    ("pkg:generic/a%0Ab", "name", 14, None, None, "%0A is a control"),
    ("pkg:generic/a%00", "name", 14, None, None, "%00 is a control"),
    ("pkg:generic/100%", "name", 16, "U+0025", "pkg:generic/100%25", "%25"),
    ("pkg:generic/a@1%GG", "version", 16, "U+0025", "pkg:generic/a@1%25GG", "%25"),
    ("pkg:generic/%FF", "name", 13, None, None, "no UTF-8"),
    ("pkg:generic/%ED%A0%80", "name", 13, None, None, "no UTF-8"),
    ("pkg:generic/%C0%AF", "name", 13, None, None, "no UTF-8"),
    ("pkg:generic/a/../b", "namespace", 15, None, None, "no path"),
    ("pkg:generic/%2E", "name", 13, None, None, "no path"),
    ("pkg:generic/a@../../x", "version", 15, None, None, "no path"),
    ("pkg:generic/a@1%2F..", "version", 15, None, None, "no path"),
    ("pkg:generic/a@/abs", "version", 15, None, None, "no path"),
    ("pkg:generic/a%2F.%2Fb", "name", 13, None, None, "no path"),
    ("pkg:generic/%2Fa", "name", 13, None, None, "no path"),
    ("pkg:generic/a%2Fb/c", "namespace", 14, "U+002F", "pkg:generic/a/b/c", "escaped slash"),
    ("pkg:npm/%40a%2fb", "name", 13, "U+002F", "pkg:npm/%40a/b", "escaped slash"),
    ("pkg:generic/a#b%2Fc", "subpath", 15, "U+002F", "pkg:generic/a#b/c", "no slash"),
    ("pkg:generic/a?b", "qualifiers", 15, None, None, "key=value"),
    ("pkg:generic/a?=b", "qualifiers", 15, None, None, "key=value"),
    ("pkg:generic/a?in%20p=b", "qualifiers", 17, "U+0025", None, "key"),
    ("pkg:generic/a?1a=b", "qualifiers", 15, "U+0031", None, "key"),
    ("pkg:generic/a?b=1&B=2", "qualifiers", 19, None, None, "b is there twice"),
    ("pkg:generic/a?b=c?d", "qualifiers", 18, "U+003F", "pkg:generic/a?b=c%3Fd", "%3F"),
    ("pkg:generic/a#b#c", "subpath", 16, "U+0023", "pkg:generic/a#b%23c", "%23"),
    ("pkg:otp/ns/hex@2", "namespace", None, None, None, "otp has no namespace (ns)"),
    ("pkg:deb/curl", "namespace", None, None, None, "deb needs a namespace"),
    ("pkg:git/host", "namespace", None, None, None, "git needs a namespace"),
    ("pkg:julia/Dates", "qualifiers", None, None, None, "needs the qualifier uuid"),
    ("pkg:julia/Dates?uuid=", "qualifiers", None, None, None, "needs the qualifier uuid"),
    ("pkg:cpan/A::B", "name", None, None, None, "does not have '::'"),
    ("pkg:cocoapods/.a", "name", None, None, None, "does not have '.'"),
    ("pkg:chrome-extension/dogs", "name", None, None, None, "chrome-extension matches"),
    ("pkg:chrome-extension/" + "a" * 32 + "@1.2-b", "version", None, None, None, "version of type"),
    ("pkg:swid/a/b/c/d?tag_id=1", "namespace", None, None, None, "at most 2 segments"),
    ("pkg:generic/" + "a" * 1013, "text", None, None, None, "1025 bytes"),
    ("pkg:generic/" + "é" * 200, "text", None, None, None, "1212 bytes"),
    ("pkg:generic/" + "a" * 9000, "text", None, None, None, "longer than 2048"),
]  # fmt: skip


@pytest.fixture
def log(empty_log: Log) -> Log:
    """No event is needed."""
    return empty_log


def vectors() -> list[Any]:
    """Every vector, with a name."""
    return [pytest.param(vector, id=vector["id"]) for vector in rows("purl.jsonl")]


def spelling(parts: dict[str, Any]) -> str:
    """A purl of parts, with every byte escaped that may be."""
    path = [quote(one, safe="") for one in (parts.get("namespace") or "").split("/") if one]
    text = "/".join([f"pkg:{parts.get('type') or ''}", *path, quote(parts.get("name") or "", safe="")])
    if parts.get("version"):
        text += f"@{quote(parts['version'], safe='')}"
    if parts.get("qualifiers"):
        text += "?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in parts["qualifiers"].items())
    if parts.get("subpath"):
        text += f"#{quote(parts['subpath'])}"
    return text


def parts_of(log: Log, purl: str) -> dict[str, Any]:
    """What a canonical purl says, as the vectors have it."""
    [row] = log.query("SELECT * FROM artifactstore.parse_purl(%s)", purl)
    rest, _, subpath = purl.partition("#")
    pairs = [one.partition("=") for one in rest.partition("?")[2].split("&") if one]
    return {
        **row,
        "qualifiers": {key: unquote(value) for key, _, value in pairs} or None,
        "subpath": unquote(subpath) or None,
    }


def canonical(log: Log, text: str) -> str | None:
    """The canonical form; None when it is refused as invalid-purl."""
    return cast("str | None", log.value("SELECT artifactstore.canonical_purl(%s)", text))


def outcome(log: Log, text: str) -> tuple[str | None, dict[str, Any]]:
    """The canonical form, or None and the DETAIL of invalid-purl; any other error fails the test."""
    try:
        with log.connection.transaction():
            return canonical(log, text), {}
    except psycopg.Error as failure:
        if failure.sqlstate != ERRORS["invalid-purl"].sqlstate:
            raise
        return None, json.loads(failure.diag.message_detail or "")


def refused(log: Log, text: str) -> dict[str, Any]:
    """The DETAIL of the refusal of a text."""
    return log.failure("invalid-purl", lambda: canonical(log, text))


@pytest.mark.parametrize("vector", vectors())
def test_f50_the_vectors_of_the_specification(log: Log, vector: dict[str, Any]) -> None:
    given, kind = vector["input"], vector["test_type"]
    text = spelling(given) if kind == "build" else given
    found, _ = outcome(log, text)
    if vector["expected_failure"]:
        right = found is None
    elif kind == "parse":
        right = found is not None and parts_of(log, found) == vector["expected_output"]
    else:
        right = found == vector["expected_output"]
    assert right is ((kind, text) not in EXCEPTIONS)
    if found is not None:
        assert canonical(log, found) == found
        assert parts_of(log, found)["type"]


def test_f50_not_more_than_four_vectors_are_exceptions() -> None:
    assert len(EXCEPTIONS) <= 4


@pytest.mark.parametrize(
    ("form", "text"), [(form, text) for form, texts in SPELLINGS.items() for text in (form, *texts)]
)
def test_f50_every_valid_spelling_has_the_one_canonical_form(log: Log, form: str, text: str) -> None:
    assert canonical(log, text) == form
    assert log.value("SELECT NOT artifactstore.parse_purl(%s) IS NULL", form) is True


@pytest.mark.parametrize(("text", "part", "at", "character", "meant", "words"), REFUSED)
def test_f50_a_refusal_says_what_is_wrong_where_and_what_was_meant(
    log: Log, text: str, part: str, at: int | None, character: str | None, meant: str | None, words: str
) -> None:
    detail = refused(log, text)
    assert words in detail["problem"]
    assert (detail["part"], detail.get("canonical")) == (part, meant)
    assert at is None or detail["at"] == at
    assert detail.get("character") == character
    assert "meant" not in detail


@pytest.mark.parametrize("line", REAL)
def test_f50_real_purls_are_taken_or_explained(log: Log, line: str) -> None:
    if " ! " in line:
        text, words = line.split(" ! ")
        assert words in refused(log, text)["problem"]
        return
    text, _, form = line.partition(" => ")
    assert canonical(log, text) == (form or text)
    assert log.value("SELECT NOT artifactstore.parse_purl(%s) IS NULL", form or text) is True
    assert log.value("SELECT artifactstore.purl_problem(%s)", form or text) is None


def test_f50_the_real_purls_are_many_and_of_many_types() -> None:
    texts = {re.split(r" => | ! ", line)[0] for line in REAL}
    assert len(texts) == len(REAL) >= 300
    assert len({text.lower().lstrip("pkg:/").split("/")[0] for text in texts}) >= 15


PIECES = st.text(
    st.one_of(
        st.sampled_from('aB9._~:-+ @/?#%&=,\\"<>[]éß漢'),
        st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0x2FFFF),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=EXAMPLES)
@given(
    st.lists(PIECES, min_size=1, max_size=3), st.none() | PIECES,
    st.dictionaries(st.sampled_from("abc"), PIECES), st.lists(PIECES, max_size=2),
)  # fmt: skip
def test_f50_the_canonical_form_is_final_and_has_the_same_parts(
    log: Log, path: list[str], version: str | None, qualifiers: dict[str, str], subpath: list[str]
) -> None:
    names = [name.replace("/", "") for name in path[:-1]] + path[-1:]
    parts = {
        "type": "generic",
        "namespace": "/".join(name for name in names[:-1] if name) or None,
        "name": names[-1],
        "version": version,
        "qualifiers": qualifiers or None,
        "subpath": "/".join(one.replace("/", "") for one in subpath) or None,
    }
    form, _ = outcome(log, spelling(parts))
    if form is None:
        return
    assert canonical(log, form) == form
    assert log.value("SELECT artifactstore.purl_problem(%s)", form) is None
    found = parts_of(log, form)
    for part in ("namespace", "name", "version"):
        assert found[part] == (parts[part] and unicodedata.normalize("NFC", str(parts[part])))
    assert found["qualifiers"] == (
        {key: unicodedata.normalize("NFC", value) for key, value in qualifiers.items()} or None
    )


@settings(max_examples=2 * EXAMPLES)
@given(
    st.text(st.sampled_from("aZ0/@?#&=%2Fe.:+ \u200b\u0301é"), max_size=24),
    st.sampled_from(["generic", "npm", "git", "pypi"]),
)
def test_f50_any_text_has_one_form_or_is_refused_by_name(log: Log, text: str, kind: str) -> None:
    form, detail = outcome(log, f"pkg:{kind}/{text}")
    if form is None:
        meant = detail.get("canonical")
        assert meant is None or canonical(log, meant) == meant
        return
    assert canonical(log, form) == form
    assert log.value("SELECT NOT artifactstore.parse_purl(%s) IS NULL", form) is True


@pytest.mark.parametrize(
    "piece", ["#", "?", "%", " ", "a@", "/", "%2F/", "&", "a=&", "\u200b", "%E2%80%8B", "é", "@/"]
)
def test_f50_no_long_text_takes_long(log: Log, piece: str) -> None:
    """Nor does the search for what was meant go on for ever."""
    text = ("pkg:generic/a?b=" + piece * 8000)[:4000]
    log.connection.execute("SET LOCAL statement_timeout = '5s'")
    for one in (text, text.replace("a?b=", ""), text.replace("?b=", "#")):
        outcome(log, one)


def test_f50_what_is_taken_normalizes_alike_on_every_server(log: Log) -> None:
    """The sum is the same for PostgreSQL 15 (Unicode 14) and 18 (Unicode 16)."""
    found = log.value(
        """
        SELECT md5(string_agg(normalize(chr(c), NFC) || normalize('a' || chr(768) || chr(c) || chr(803)
            || chr(c) || chr(12441) || chr(2381) || chr(820), NFC), '' ORDER BY c))
        FROM generate_series(128, 208744) c
        WHERE c NOT BETWEEN 55296 AND 57343 AND artifactstore.hidden_character(chr(c)) = 0
        """
    )
    assert found == "d96347420a15611623770372f9d6d610"


def test_f50_only_ascii_letters_change_their_case(log: Log) -> None:
    assert canonical(log, "pkg:composer/ÄA/İI") == "pkg:composer/%C3%84a/%C4%B0i"
    with pytest.raises(psycopg.Error):
        canonical(log, "p\u212ag:generic/a")
