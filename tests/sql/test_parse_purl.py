"""parse_purl: the well-formed package URLs and their parts, by ASCII grammar alone (RG10)."""

import pytest

from tests.sql.support import Log
from tests.timing import at_best, seconds_of

PARTS = [
    ("pkg:generic/tool", ("generic", None, "tool", None)),
    ("pkg:generic/tool@1", ("generic", None, "tool", "1")),
    ("pkg:npm/%40scope/left-pad@1.0.0", ("npm", "@scope", "left-pad", "1.0.0")),
    ("pkg:golang/github.com/a/b@v1#sub/dir", ("golang", "github.com/a", "b", "v1")),
    ("pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", ("deb", "debian", "curl", "7.50.3-1")),
    ("pkg:docker/cassandra@sha256:244fd47e07d1", ("docker", None, "cassandra", "sha256:244fd47e07d1")),
    ("pkg:oci/app@1?repository_url=docker.io/library/app&tag=a,b", ("oci", None, "app", "1")),
    ("pkg:generic/%C3%A9t%C3%A9@%F0%9F%98%80", ("generic", None, "été", "\U0001f600")),
    ("pkg:generic/a%20b@1%2B2", ("generic", None, "a b", "1+2")),
    ("pkg:generic/...@..", ("generic", None, "...", "..")),
    ("pkg:generic/CON@1", ("generic", None, "CON", "1")),
    ("pkg:generic/a%5Cb", ("generic", None, "a\\b", None)),
    ("pkg:generic/a%2Fb@1%2f2", ("generic", None, "a/b", "1/2")),
    ("pkg:git/codeberg.org/a/b.git@c", ("git", "codeberg.org", "a/b.git", "c")),
    ("pkg:git/codeberg.org/b", ("git", "codeberg.org", "b", None)),
    ("pkg:git/b", ("git", None, "b", None)),
    ("pkg:github/a/b/c", ("github", "a/b", "c", None)),
    ("pkg:x-y.z0/a~b_c", ("x-y.z0", None, "a~b_c", None)),
]  # fmt: skip


@pytest.mark.parametrize(("purl", "parts"), PARTS)
def test_the_parts_are_percent_decoded(log: Log, purl: str, parts: tuple[str | None, ...]) -> None:
    [row] = log.query("SELECT * FROM artifactstore.parse_purl(%s)", purl)
    assert (row["type"], row["namespace"], row["name"], row["version"]) == parts


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "pkg", "pkg:", "pkg:/", "pkg:generic", "pkg:generic/", "generic/tool@1", "http://a/b",
        "PKG:generic/a", "pkg:Generic/a", "pkg:1x/a", "pkg:/a", "pkg://generic/a", "pkg:gen_eric/a",
        "pkg:generic//a", "pkg:generic/a/", "pkg:generic/ns//a", "pkg:generic/a@", "pkg:generic/a@1@2",
        "pkg:generic/a@1/2", "pkg:generic/a b", " pkg:generic/a", "pkg:generic/a ", "pkg:generic/a\n",
        "pkg:generic/a\nb", "pkg:generic/a\tb", "pkg:generic/é", "pkg:generic/\u202ea", "pkg:generic/\uff41",
        "pkg:generic/.", "pkg:generic/..", "pkg:generic/../a", "pkg:generic/./a", "pkg:generic/%2E%2e/a",
        "pkg:generic/%2e", "pkg:generic/.@1", "pkg:generic/a#../b", "pkg:generic/a#b/.",
        "pkg:generic/a#%2E%2E",
        "pkg:generic/%", "pkg:generic/%4", "pkg:generic/%GG", "pkg:generic/%00", "pkg:generic/a%0Ab",
        "pkg:generic/a%1fb", "pkg:generic/a%7f", "pkg:generic/a%2Fb/c", "pkg:generic/a%2fb/c@1",
        "pkg:generic/%FF", "pkg:generic/%C3", "pkg:generic/%C0%80", "pkg:generic/%ED%A0%80",
        "pkg:generic/%F5%80%80%80",
        "pkg:generic/a?", "pkg:generic/a?b", "pkg:generic/a?b=", "pkg:generic/a?=c", "pkg:generic/a?B=c",
        "pkg:generic/a?b=c&", "pkg:generic/a?b=c&&d=e", "pkg:generic/a?b=c?d=e", "pkg:generic/a#",
        "pkg:generic/a#b#c",
        "pkg:generic/a\\b", "pkg:generic/a\"b", "pkg:generic/<a>", "pkg:generic/a;b",
    ],
)  # fmt: skip
def test_any_other_text_has_no_parts(log: Log, text: str) -> None:
    assert log.value("SELECT artifactstore.parse_purl(%s) IS NULL", text) is True


@pytest.mark.parametrize(
    "start", ["pkg:generic/a?b=", "pkg:generic/", "pkg:generic/a#", "pkg:generic/a/", "pkg:a/%41%41"]
)
@pytest.mark.parametrize("piece", ["a", "a/", "/", ",", "a,", "%41", "&b=", "a@"])
def test_no_text_of_a_purl_s_length_takes_long(log: Log, start: str, piece: str) -> None:
    text = (start + piece * 1024)[:1023] + "!"
    query = "SELECT artifactstore.parse_purl(%s) IS NULL"
    assert log.value(query, text) is True
    assert at_best(lambda: seconds_of(lambda: log.value(query, text)), 0.5) < 0.5
