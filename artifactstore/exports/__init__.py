"""The log as a file: a CBOR sequence (RFC 8742) of a header, the exact rows of ``events``, and a trailer.

The bytes are described in docs/reference/export-file.md. Nothing in this package needs a database but what
is given a ``Store``.
"""

from artifactstore.exports.check import LIMITS
from artifactstore.exports.exporting import export
from artifactstore.exports.files import replacing, spooled
from artifactstore.exports.importing import import_log
from artifactstore.exports.reader import ExportReader, verify_export
from artifactstore.exports.rows import Header, Summary

__all__ = [
    "LIMITS",
    "ExportReader",
    "Header",
    "Summary",
    "export",
    "import_log",
    "replacing",
    "spooled",
    "verify_export",
]
