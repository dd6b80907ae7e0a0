"""Packages that a bill of materials names: both formats say the same, what is bad is told with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.errors import BadInput
from artifactstore.jobs.sbom import read_sbom
from tests.cli.program import PURL, Program

SHA = "ab" * 32
LIBRARY, INNER = "pkg:npm/%40scope/library@1.0.0", "pkg:pypi/inner@2"
CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "application", "name": "app", "purl": PURL, "publisher": "us"}},
    "components": [
        {
            "type": "library",
            "name": "library",
            "purl": "pkg:npm/@scope/library@1.0.0",
            "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Ours"}}],
            "supplier": {"name": "Them"},
            "hashes": [{"alg": "MD5", "content": "00"}, {"alg": "SHA-256", "content": SHA}],
            "components": [{"type": "library", "name": "inner", "purl": "pkg:pypi/Inner@2"}],
        },
        {"type": "library", "name": "again", "purl": "pkg:pypi/inner@2"},
        {"type": "file", "name": "no purl"},
    ],
}


def spdx_package(identity: str, purl: str | None, **more: Any) -> dict[str, Any]:
    references = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
    return {"SPDXID": identity, "name": identity, "externalRefs": references if purl else [], **more}


SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "packages": [
        spdx_package("SPDXRef-app", PURL, supplier="Organization: us"),
        spdx_package(
            "SPDXRef-library",
            "pkg:npm/@scope/library@1.0.0",
            licenseConcluded="NOASSERTION",
            licenseDeclared="MIT, Ours",
            supplier="Organization: Them",
            checksums=[{"algorithm": "SHA256", "checksumValue": SHA}],
        ),
        spdx_package("SPDXRef-inner", "pkg:pypi/Inner@2"),
        spdx_package("SPDXRef-again", "pkg:pypi/inner@2"),
        spdx_package("SPDXRef-none", None),
    ],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relationshipType": "DESCRIBES",
            "relatedSpdxElement": "SPDXRef-app",
        }
    ],
}


def element(kind: str, identity: str, **more: Any) -> dict[str, Any]:
    """An element of SPDX 3."""
    return {"type": kind, "spdxId": f"urn:bom:{identity}", "creationInfo": "_:c", **more}


def licensed(kind: str, package: str, licence: str) -> dict[str, Any]:
    """The relationship of a package to its license."""
    name = f"{kind}-{package}"
    return element(
        "Relationship", name, relationshipType=kind, **{"from": f"urn:bom:{package}", "to": [licence]}
    )


SPDX_3: dict[str, Any] = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z"},
        licensed("hasDeclaredLicense", "library", "urn:bom:both"),
        licensed(
            "hasConcludedLicense", "library", "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement"
        ),
        licensed("hasConcludedLicense", "inner", "https://spdx.org/licenses/Apache-2.0"),
        element("simplelicensing_LicenseExpression", "both", simplelicensing_licenseExpression="MIT, Ours"),
        element("Organization", "us", name="us"),
        element("Organization", "them", name="Them"),
        element("software_Package", "none", name="no purl"),
        element("software_Package", "app", suppliedBy="urn:bom:us", software_packageUrl=PURL),
        element(
            "software_Package",
            "library",
            suppliedBy="urn:bom:them",
            externalIdentifier=[
                {"type": "ExternalIdentifier", "externalIdentifierType": "cpe23", "identifier": "cpe:2.3:a"},
                {
                    "type": "ExternalIdentifier",
                    "externalIdentifierType": "packageUrl",
                    "identifier": "pkg:npm/@scope/library@1.0.0",
                },
            ],
            verifiedUsing=[
                {"type": "Hash", "algorithm": "md5", "hashValue": "00"},
                {"type": "Hash", "algorithm": "sha256", "hashValue": SHA},
            ],
        ),
        element("software_Package", "inner", software_packageUrl="pkg:pypi/Inner@2"),
        element("software_Package", "again", software_packageUrl="pkg:pypi/inner@2"),
        element("software_File", "file", name="a"),
        element("software_Sbom", "sbom", rootElement=["urn:bom:app"]),
        element("software_Sbom", "another", rootElement=["urn:bom:library"]),
        element("SpdxDocument", "document", rootElement=["urn:bom:sbom"]),
    ],
}
FORMATS = {"CycloneDX 1.6": CYCLONEDX, "SPDX 2.3": SPDX, "SPDX 3.0.1": SPDX_3}


@pytest.fixture(params=FORMATS)
def bill(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same bill in each format."""
    path = tmp_path / "bom.json"
    path.write_text(json.dumps(FORMATS[request.param]))
    return path


def test_every_component_with_a_purl_is_a_package(program: Program, bill: Path) -> None:
    told = program.row("ingest", "--sbom", bill, "--label", "from=bom")
    assert (told["packages_created"], told["packages_known"], told["without_purl"]) == (3, 0, 1)
    assert told["sbom"] in FORMATS
    assert told["subject"] == PURL
    packages = {row["purl"]: row for row in program.rows("package", "list")}
    assert packages.keys() == {PURL, LIBRARY, INNER}
    expected = {"license": "MIT, Ours", "supplier": "Them", "sha256": SHA, "from": "bom"}
    assert packages[LIBRARY]["labels"] == expected
    assert packages[PURL]["labels"] == {"supplier": "us", "from": "bom"}
    with program.unchanged():
        again = program.row("ingest", "--sbom", bill)
    assert (again["packages_created"], again["packages_known"]) == (0, 3)


def test_the_tree_is_that_of_what_the_bill_is_about(program: Program, bill: Path, tmp_path: Path) -> None:
    tree = tmp_path / "dist"
    tree.mkdir()
    (tree / "a").write_bytes(b"a")
    told = program.row("ingest", tree, "--sbom", bill, "--seal")
    assert (told["purl"], told["state"], told["appended"]) == (PURL, "sealed", 1)
    assert (told["packages_created"], told["packages_known"]) == (2, 1)
    assert program.row("package", "show", PURL)["labels"] == {"supplier": "us"}
    other = "pkg:generic/other@1"
    assert program.row("ingest", tree, "--sbom", bill, "--purl", other)["purl"] == other


BAD: dict[str, tuple[object, str]] = {
    "no json": ("{", "no JSON"),
    "a list": ([], "neither"),
    "another format": ({"bomFormat": "Other"}, "neither"),
    "SPDX 3 in other words": ({"@context": "x", "@graph": []}, "neither"),
    "graph": ({**SPDX_3, "@graph": {}}, "@graph is not a list"),
    "element": ({**SPDX_3, "@graph": [1]}, "@graph[0] is no object"),
    "root": (
        {**SPDX_3, "@graph": [element("SpdxDocument", "d", rootElement=[7])]},
        "@graph[0].rootElement[0] is not a text",
    ),
    "identifier": (
        {**SPDX_3, "@graph": [element("software_Package", "p", externalIdentifier=[{"identifier": 7}])]},
        "@graph[0].externalIdentifier[0].identifier is not a text",
    ),
    "components": ({**CYCLONEDX, "components": {}}, "components is not a list"),
    "component": ({**CYCLONEDX, "components": [{}, 7]}, "components[1] is no object"),
    "purl": ({**CYCLONEDX, "components": [{"purl": 7}]}, "components[0].purl is not a text"),
    "inner": (
        {**CYCLONEDX, "components": [{"components": [{"hashes": 1}]}]},
        "components[0].components[0].hashes is not a list",
    ),
    "packages": ({**SPDX, "packages": [{"externalRefs": [1]}]}, "packages[0].externalRefs[0] is no object"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_bill_is_told_with_the_place(shared: Program, tmp_path: Path, name: str) -> None:
    document, told = BAD[name]
    path = tmp_path / "bom.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    error = shared.refused("ingest", "--sbom", path, code=2, error="bad-sbom")
    assert told in error["detail"]["problem"]


def test_depth_and_bad_purls_are_told_and_nothing_is_appended(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_text("[" * 100_000)
    program.refused("ingest", "--sbom", path, code=2, error="bad-sbom")
    path.write_text(json.dumps({**CYCLONEDX, "components": [{"purl": "pkg:pypi/a@1"}, {"purl": "no purl"}]}))
    with program.unchanged():
        error = program.refused("ingest", "--sbom", path, code=2, error="invalid-purl")
    assert error["detail"]["place"] == "components[1]"
    program.refused("ingest", "--sbom", tmp_path / "none", code=2, error="file")
    path.write_text(json.dumps({**CYCLONEDX, "metadata": {}}))
    program.refused("ingest", tmp_path, "--sbom", path, code=2, error="usage")
    for arguments in (["ingest"], ["ingest", tmp_path], ["ingest", "--sbom", path, "--seal"]):
        program.refused(*arguments, code=2, error="usage")


NAMES = (
    "components", "metadata", "component", "purl", "licenses", "license", "hashes", "packages", "supplier",
    "name", "externalRefs", "referenceType", "documentDescribes", "relationships", "type", "spdxId",
    "rootElement", "from", "to", "externalIdentifier", "verifiedUsing", "suppliedBy",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.sampled_from(list(FORMATS.values())),
    st.dictionaries(st.sampled_from(sorted({name for bill in FORMATS.values() for name in bill})), JSON),
)
def test_whatever_stands_there_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, bill: dict[str, Any], changes: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({**bill, **changes}))
    try:
        read = read_sbom(path)
    except BadInput:
        return
    assert all(isinstance(one.purl, str) for one in read.components)
