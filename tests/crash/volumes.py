"""Small file systems, which are full when a test says so."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artifactstore import server
from tests import guardian
from tests.needs import needs_root


class Volume:
    """A file system of its own at ``path``, for a server's account."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, size: int) -> None:
        """Grow or shrink it to so many bytes; raises ``CalledProcessError`` when more is used."""
        _mount("-o", f"remount,size={size}", str(self.path))

    def fill(self) -> None:
        """Leave no room: its size becomes what is used."""
        while (usage := shutil.disk_usage(self.path)).free:
            try:
                self.resize(usage.used)
            except subprocess.CalledProcessError:
                # Somebody was faster than we.
                assert shutil.disk_usage(self.path).used > usage.used

    def take(self, cluster: server.Cluster, directory: Path) -> None:
        """Move a directory of a server here, behind a link; the server is started again."""
        cluster.stop()
        target = self.path / directory.name
        subprocess.run(["mv", str(directory), str(target)], check=True, capture_output=True)
        directory.symlink_to(target)
        cluster.start()


@contextmanager
def small_volume(size: int) -> Iterator[Volume]:
    """A volume of so many bytes, in memory; skips the test where none can be made."""
    needs_root("a small file system must be mounted")
    account = server.account()
    path = guardian.current().make_directory("as-volume-")
    try:
        owner = f"uid={account.uid},gid={account.gid},mode=0700"
        try:
            _mount("-t", "tmpfs", "-o", f"size={size},{owner}", "tmpfs", str(path))
        except (OSError, subprocess.CalledProcessError) as failure:
            pytest.skip(f"a small file system must be mounted, which is not permitted here: {failure}")
        try:
            yield Volume(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True, capture_output=True)
    finally:
        path.rmdir()


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
