"""How wide a line of source may be: said once, to ruff, for Python and SQL alike."""

import tomllib
from pathlib import Path

_SETTINGS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
WIDTH: int = _SETTINGS["tool"]["ruff"]["line-length"]
"""Columns (characters)."""
