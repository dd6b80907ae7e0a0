"""The log as a file: a CBOR sequence (RFC 8742) of a header, the exact rows of ``events``, and a trailer.

The bytes are described in docs/reference/export-file.md. Nothing in this package needs a database but what
is given a ``Store``.
"""

from artifactstore.jobs.exports.check import LIMITS
from artifactstore.jobs.exports.exporting import export
from artifactstore.jobs.exports.files import replacing, spooled
from artifactstore.jobs.exports.importing import import_log
from artifactstore.jobs.exports.reader import ExportReader, verify_export
from artifactstore.jobs.exports.rows import Header, Summary

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
