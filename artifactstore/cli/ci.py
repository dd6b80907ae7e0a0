"""What a verification found, in the forms that continuous integration reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import IO
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import click

from artifactstore import __version__, system
from artifactstore.cli.output import visible
from artifactstore.jobs.findings import KINDS, Finding

_SUITE = "artifactstore.verify"


def annotate(findings: Sequence[Finding]) -> None:
    """Write each finding as an annotation of the run, on stderr, when this is a step of GitHub Actions.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for finding in findings:
        text = visible(str(finding)).replace("%", "%25")
        click.echo(f"::error title=artifactstore verify ({finding.kind})::{text}", err=True)


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes] | None]:
    """The file for a report, opened before the work begins; raises as ``system.refused``."""
    if path is None:
        yield None
        return
    try:
        file = path.open("wb")
    except OSError as failure:
        raise system.refused(failure, path) from failure
    with file:
        yield file


def write_junit(
    file: IO[bytes], findings: Sequence[Finding], found: int, unchecked: Mapping[str, str], seconds: float
) -> None:
    """Write a JUnit report: a test case for each kind of finding, which fails with all of that kind.

    It is valid to the schemas of Jenkins and to that of Ant.

    Args:
        findings: the first of those that were found; ``found``: how many there are.
        unchecked: kinds that were not checked, and why: their cases are skipped.
        seconds: what all of it took.
    """
    by_kind = {kind: [one for one in findings if one.kind == kind] for kind in KINDS}
    if by_kind["refused"]:
        unchecked = {**unchecked, "view": "a replay was refused"}
    if found > len(findings):
        unchecked = {**dict.fromkeys(KINDS, "more was found than is listed: --max-findings"), **unchecked}
    failing = [kind for kind in KINDS if by_kind[kind]]
    root = Element("testsuites")
    suite = SubElement(
        root,
        "testsuite",
        {
            "name": _SUITE,
            "tests": str(len(KINDS)),
            "failures": str(len(failing)),
            "errors": "0",
            "skipped": str(len(unchecked.keys() - failing)),
            "time": f"{seconds:.3f}",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": gethostname(),
            "id": "0",
            "package": "artifactstore",
        },
    )
    # One at least: the older schema of Jenkins wants that, and Ant's wants the list.
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", {"name": "artifactstore", "value": __version__})
    for kind, found_of_kind in by_kind.items():
        named = {"name": KINDS[kind], "classname": f"{_SUITE}.{kind}", "time": "0"}
        case = SubElement(suite, "testcase", named)
        if found_of_kind:
            message = f"{len(found_of_kind)} listed, {found} of all kinds found"
            failure = SubElement(case, "failure", {"message": message, "type": kind})
            failure.text = "\n".join(visible(str(one)) for one in found_of_kind)
        elif kind in unchecked:
            SubElement(case, "skipped", {"message": unchecked[kind]})
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")
    indent(root)
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
