"""Write a content into a store, read from its copies: what counts was hashed and is what the log says."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from artifactstore.jobs.content import FileContent
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.parts import PartsWriter
from artifactstore.stores.base import ObjectStore, part_size

Pieces: TypeAlias = Callable[[FileContent], Iterator[bytes]]
"""Gives the pieces of a content at the pace of who copies; raises when they are not wanted any more."""


def copy_small(
    content: FileContent, key: str, put: Callable[[str, bytes, bytes], None], pieces: Pieces
) -> bool:
    """Write a content of at most ``SMALL`` bytes by ``put``; False if no copy of it is good."""
    while True:
        data = b"".join(pieces(content))
        if content.good:
            put(key, data, hashlib.sha256(data).digest())
            return True
        if not content.blame():
            return False


def copy_large(
    content: FileContent,
    key: str,
    store: ObjectStore,
    pool: ThreadPoolExecutor,
    budget: MemoryBudget,
    pieces: Pieces,
    note: Callable[[BaseException], object] | None = None,
) -> bool:
    """Write a content in parts; False if no copy of it is good.

    Args:
        note: is told what the store refuses, before that is raised.
    """
    size = content.file["size"]
    while True:
        writer = PartsWriter(store, key, store.begin(key, size), part_size(size), pool, budget)
        try:
            for piece in pieces(content):
                writer.take(memoryview(piece))
                if writer.failure is not None:
                    break
        except BaseException:
            writer.abort()  # others wait for its memory
            raise
        if writer.failure is None and content.good:
            writer.complete(store.complete)
        else:
            writer.abort()
        if writer.failure is not None:
            if note is not None:
                note(writer.failure)
            raise writer.failure
        if content.good:
            return True
        if not content.blame():
            return False
