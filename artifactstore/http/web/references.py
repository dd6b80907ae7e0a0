"""What a path may call a package: its id, or its purl, which has slashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.convertors import Convertor, register_url_convertor

from artifactstore.events.kinds import Id, Schema, Text

_PURL = Text(max=1024, pattern="^[Pp][Kk][Gg]:")


@dataclass(frozen=True, slots=True)
class PackageReference(Id):
    """A package by its id, or by its purl in any valid spelling, which whoever reads it judges."""

    def shape(self) -> Schema:
        return {"anyOf": [Id().shape(), _PURL.shape()]}

    def read_text(self, text: str) -> UUID | str:
        """The id, or the purl as it is written; raises ``Problem``."""
        return _PURL.pack(text) if text[:4].lower() == "pkg:" else self.read(text)


class _ReferenceConvertor(Convertor[str]):
    """One segment of a path, or a purl: then all that follows, since servers and proxies decode %2F."""

    regex = r"[^/]+|[Pp][Kk][Gg]:[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("reference", _ReferenceConvertor())

CONVERTORS: Final[Mapping[type, str]] = {PackageReference: "reference"}
"""How the router reads a parameter of a path that is more than a segment, by its kind."""
