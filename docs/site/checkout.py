"""What a checkout has, and where it is in the site."""

import subprocess
from pathlib import Path, PurePosixPath
from posixpath import normpath

IMAGES = {".png", ".webp"}
"""Shown as they are; a drawing (.svg) is text, and a page like other sources."""


class Checkout:
    """Files that belong to a checkout, and the folders that they are in; paths are relative to its root."""

    def __init__(self, root: Path) -> None:
        # Not what git ignores: that may be a secret.
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        told = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
        self.root = root
        self.files = {path for path in told.splitlines() if (root / path).is_file()}
        self.folders = {str(parent) for path in self.files for parent in PurePosixPath(path).parents}

    def place(self, path: str) -> str:
        """Path in the site of a file or a folder; raises KeyError for what is neither."""
        if path in self.folders:
            return normpath(f"{path}/README.md")
        if path not in self.files:
            raise KeyError(path)
        return path if PurePosixPath(path).suffix in {".md", *IMAGES} else f"{path}.md"

    def children(self, folder: str) -> list[str]:
        """Names of what is in a folder, folders with a slash behind them."""
        inside = {path.removeprefix(f"{folder}/") for path in self.files if path.startswith(f"{folder}/")}
        return sorted({path[: path.index("/") + 1] if "/" in path else path for path in inside})
