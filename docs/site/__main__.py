"""Build the site of the documentation; what is wrong with a link is an error."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site.checkout import Checkout
from docs.site.navigation import navigation
from docs.site.pages import BrokenLink, collect

_ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_SCRIPT = "iframe-worker.js"


def build(root: Path, directory: Path) -> int:
    """Write the pages of a checkout into a directory, and the site into its ``site``; the exit code."""
    try:
        pages = collect(Checkout(root)) | {f"assets/{_SCRIPT}": (_HERE / _SCRIPT).read_bytes()}
    except BrokenLink as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name in ("pages", "site"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for path, content in pages.items():
        place = directory / "pages" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    settings = directory / "zensical.toml"
    settings.write_text(
        (_HERE / settings.name).read_text(encoding="utf-8") + navigation(pages), encoding="utf-8"
    )
    command = [
        sys.executable,
        "-m",
        "zensical",
        "build",
        "--strict",
        "--clean",
        "--config-file",
        settings.name,
    ]
    return subprocess.run(command, cwd=directory, check=False).returncode


def main() -> int:
    """Exit code 0, or 1 if something is wrong with a page."""
    parser = argparse.ArgumentParser(prog="scripts/site", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=_ROOT / "build", help="(default: build/)")
    directory = parser.parse_args().directory.resolve()
    code = build(_ROOT, directory)
    if code == 0:
        print(directory / "site" / "index.html")  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
