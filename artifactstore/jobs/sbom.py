"""What a software bill of materials names: CycloneDX, SPDX 2 and SPDX 3, as JSON.

All say by purl which packages there are, and which one of them the document is about:

- CycloneDX (https://cyclonedx.org/docs/latest/json): ``metadata.component`` is what it is about; components,
  also those inside components, have ``purl``.
- SPDX 2 (https://spdx.github.io/spdx-spec/v2.3): ``packages`` have ``externalRefs`` of type purl; what it is
  about is in ``documentDescribes`` or in a relationship DESCRIBES of the document.
- SPDX 3 (https://spdx.github.io/spdx-spec/v3.0.1): the elements of ``@graph`` name each other by ``spdxId``;
  a ``software_Package`` has its purl in ``software_packageUrl`` or in an ``externalIdentifier``. What it is
  about is the ``rootElement`` of the ``SpdxDocument``, or of the ``software_Sbom`` that is its root.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from artifactstore import system
from artifactstore.errors import BadInput

_MAX_LABEL = 1024
"""Bytes of the value of a label."""
_NOTHING = ("NOASSERTION", "NONE")
_SPDX_3 = re.compile(r"https://spdx\.org/rdf/(3\.[0-9]+(?:\.[0-9]+)?)/spdx-context\.jsonld")
"""The context that makes names of JSON those of SPDX: with another one they might mean anything."""
_HAS_LICENSE = ("hasConcludedLicense", "hasDeclaredLicense")
"""Types of relationships to a license: the better comes first."""
_KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text"}


class Component(NamedTuple):
    """A package that the document names: where, by which purl, and ``license``, ``supplier``, ``sha256``."""

    place: str
    purl: str
    labels: dict[str, str]


class Sbom(NamedTuple):
    """A document.

    Attributes:
        format: and its version, such as ``CycloneDX 1.6``.
        subject: what it is about, if it says so by purl.
        components: all others with a purl, in the order of the document.
        nameless: places of what has no purl.
    """

    format: str
    subject: Component | None
    components: list[Component]
    nameless: list[str]


def read_sbom(path: Path) -> Sbom:
    """What a file names; raises ``BadInput`` bad-sbom, with the place in it, or as ``system.refused``."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as failure:
        raise system.refused(failure, path) from failure
    except RecursionError as failure:
        raise _bad("it is nested too deeply") from failure
    except ValueError as failure:
        raise _bad(f"no JSON: {failure}") from failure
    if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
        version = document.get("specVersion", "")
        return _sbom(f"CycloneDX {version}", _cyclonedx(document))
    if isinstance(document, dict) and str(document.get("spdxVersion")).startswith("SPDX-2."):
        return _sbom(str(document["spdxVersion"]).replace("-", " "), _spdx(document))
    if isinstance(document, dict) and (version := _SPDX_3.fullmatch(str(document.get("@context")))):
        return _sbom(f"SPDX {version[1]}", _spdx_3(document))
    raise _bad("neither CycloneDX (bomFormat), nor SPDX 2 (spdxVersion), nor SPDX 3 (its @context), as JSON")


class _Found(NamedTuple):
    """A component with or without a purl; ``about``: the document is about it."""

    place: str
    purl: str | None
    labels: dict[str, str]
    about: bool


def _sbom(name: str, found: Iterable[_Found]) -> Sbom:
    subject: Component | None = None
    components, nameless = [], []
    for one in found:
        if one.purl is None:
            nameless.append(one.place)
            continue
        component = Component(one.place, one.purl, one.labels)
        if one.about and subject is None:
            subject = component
        else:
            components.append(component)
    return Sbom(name, subject, components, nameless)


def _cyclonedx(document: Mapping[str, Any]) -> Iterator[_Found]:
    metadata = _get(document, "metadata", dict, "", {})
    # No recursion: the document says how deep this goes. The next one is the last of those that wait.
    waiting = _inside(document, "")
    if (subject := _get(metadata, "component", dict, "metadata")) is not None:
        waiting.append(("metadata.component", subject, True))
    while waiting:
        place, component, about = waiting.pop()
        yield _Found(place, _get(component, "purl", str, place), _cyclonedx_labels(component, place), about)
        waiting += _inside(component, place)


def _inside(holder: Mapping[str, Any], place: str) -> list[tuple[str, Mapping[str, Any], bool]]:
    """The components of a document or component, the last one first."""
    return [(inner, one, False) for inner, one in _items(holder, "components", place)][::-1]


def _cyclonedx_labels(component: Mapping[str, Any], place: str) -> dict[str, str]:
    licenses = []
    for inner, choice in _items(component, "licenses", place):
        licence = _get(choice, "license", dict, inner, {})
        licenses.append(
            _get(choice, "expression", str, inner)
            or _get(licence, "id", str, f"{inner}.license")
            or _get(licence, "name", str, f"{inner}.license")
        )
    hashes = {
        _get(one, "alg", str, inner): _get(one, "content", str, inner)
        for inner, one in _items(component, "hashes", place)
    }
    supplier = _get(_get(component, "supplier", dict, place, {}), "name", str, f"{place}.supplier")
    return _labels(
        license=", ".join(filter(None, licenses)),
        supplier=supplier or _get(component, "publisher", str, place),
        sha256=hashes.get("SHA-256"),
    )


def _spdx(document: Mapping[str, Any]) -> Iterator[_Found]:
    own = _get(document, "SPDXID", str, "")
    described = set(filter(None, (str(one) for one in _get(document, "documentDescribes", list, "", []))))
    for place, relation in _items(document, "relationships", ""):
        from_, to = (_get(relation, name, str, place) for name in ("spdxElementId", "relatedSpdxElement"))
        if relation.get("relationshipType") == "DESCRIBES" and from_ == own and to is not None:
            described.add(to)
    for place, package in _items(document, "packages", ""):
        purls = [
            _get(reference, "referenceLocator", str, inner)
            for inner, reference in _items(package, "externalRefs", place)
            if reference.get("referenceType") == "purl"
        ]
        about = _get(package, "SPDXID", str, place) in described
        yield _Found(place, purls[0] if purls else None, _spdx_labels(package, place), about)


def _spdx_labels(package: Mapping[str, Any], place: str) -> dict[str, str]:
    checksums = {
        _get(one, "algorithm", str, inner): _get(one, "checksumValue", str, inner)
        for inner, one in _items(package, "checksums", place)
    }
    concluded, declared, supplier = (
        text if text not in _NOTHING else None
        for text in (
            _get(package, name, str, place) for name in ("licenseConcluded", "licenseDeclared", "supplier")
        )
    )
    if supplier is not None:
        supplier = supplier.removeprefix("Organization:").removeprefix("Person:").strip()
    return _labels(license=concluded or declared, supplier=supplier, sha256=checksums.get("SHA256"))


_Graph: TypeAlias = Mapping[str, tuple[str, Mapping[str, Any]]]
"""The elements of a document by their ids, each with its place."""


def _spdx_3(document: Mapping[str, Any]) -> Iterator[_Found]:
    graph = {
        _get(element, "spdxId", str, place, place): (place, element)
        for place, element in _items(document, "@graph", "")
    }
    about = _roots(graph)
    licenses = _licenses(graph)
    for identity, (place, element) in graph.items():
        if element.get("type") == "software_Package":
            labels = _labels(
                license=licenses.get(identity), supplier=_supplier(graph, place, element),
                sha256=_sha256(place, element),
            )  # fmt: skip
            yield _Found(place, _spdx_3_purl(place, element), labels, identity in about)


def _roots(graph: _Graph) -> set[str]:
    """Ids of what the document is about, and of its roots that are a bill themselves."""
    found: set[str] = set()
    for kind in ("SpdxDocument", "software_Sbom"):
        for identity, (place, element) in graph.items():
            if element.get("type") == kind and (kind == "SpdxDocument" or identity in found):
                found |= set(_texts(element, "rootElement", place))
    return found


def _licenses(graph: _Graph) -> dict[str, str]:
    """The expression of the license of each element that has one."""
    found: dict[str, str] = {}
    for kind in _HAS_LICENSE:
        for place, element in graph.values():
            if element.get("type") == "Relationship" and element.get("relationshipType") == kind:
                from_ = _get(element, "from", str, place, "")
                told = [_expression(graph, to) for to in _texts(element, "to", place)]
                if expression := ", ".join(filter(None, told)):
                    found.setdefault(from_, expression)
    return found


def _expression(graph: _Graph, identity: str) -> str | None:
    """What an element says of a license; None: nothing, or in parts that only SPDX knows."""
    if identity in graph:
        place, element = graph[identity]
        expression: str | None = _get(element, "simplelicensing_licenseExpression", str, place)
        return expression if expression not in _NOTHING else None
    # A license of the list of SPDX is named by its address there.
    listed = identity.startswith(("https://spdx.org/licenses/", "http://spdx.org/licenses/"))
    return identity.rpartition("/")[2] if listed else None


def _supplier(graph: _Graph, place: str, element: Mapping[str, Any]) -> str | None:
    identity = _get(element, "suppliedBy", str, place, "")
    if identity not in graph:
        return None
    inner, agent = graph[identity]
    name: str | None = _get(agent, "name", str, inner)
    return name


def _sha256(place: str, element: Mapping[str, Any]) -> str | None:
    for inner, method in _items(element, "verifiedUsing", place):
        value: str | None = _get(method, "hashValue", str, inner)
        if method.get("algorithm") == "sha256":
            return value
    return None


def _spdx_3_purl(place: str, element: Mapping[str, Any]) -> str | None:
    purl: str | None = _get(element, "software_packageUrl", str, place)
    for inner, one in _items(element, "externalIdentifier", place):
        identifier: str | None = _get(one, "identifier", str, inner)
        if purl is None and one.get("externalIdentifierType") == "packageUrl":
            purl = identifier
    return purl


def _texts(holder: Mapping[str, Any], name: str, place: str) -> Iterator[str]:
    """The texts of a list that may be missing."""
    for number, one in enumerate(_get(holder, name, list, place, [])):
        if not isinstance(one, str):
            raise _bad(f"{place}.{name}[{number}] is not a text")
        yield one


def _labels(**values: str | None) -> dict[str, str]:
    """The values that a label can have."""
    return {
        name: text
        for name, text in values.items()
        if text and text.isprintable() and len(text.encode(errors="replace")) <= _MAX_LABEL
    }


def _items(holder: Mapping[str, Any], name: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list that may be missing, each with its place."""
    found = _get(holder, name, list, place, [])
    for number, one in enumerate(found):
        inner = f"{place}.{name}[{number}]".removeprefix(".")
        if not isinstance(one, dict):
            raise _bad(f"{inner} is no object")
        yield inner, one


def _get(holder: Mapping[str, Any], name: str, kind: type, place: str, default: Any = None) -> Any:
    """A value of this kind, or the default where there is none or null."""
    value = holder.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise _bad(f"{place}.{name}".removeprefix(".") + f" is not {_KINDS[kind]}")
    return value


def _bad(problem: str) -> BadInput:
    return BadInput("bad-sbom", {"problem": problem})
