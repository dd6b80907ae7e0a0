"""artifactstore: one append-only log in PostgreSQL, and everything else rebuilt from it."""

__version__ = "0.1.0"
