"""The command line: one module per group of commands, loaded when it is needed."""

from artifactstore.cli.main import cli, main

__all__ = ["cli", "main"]
