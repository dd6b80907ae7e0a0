"""blake3: the test vectors of its authors, and Python's digest of random bytes."""

import random
from typing import Any

import psycopg
import pytest

from artifactstore.codec import digest
from tests import vectors


def blake3(connection: psycopg.Connection[Any], data: bytes) -> bytes:
    """What the SQL function makes of the bytes."""
    row = connection.execute("SELECT artifactstore.blake3(%s)", (data,)).fetchone()
    assert row is not None
    return bytes(row[0])


@pytest.mark.parametrize(("length", "expected"), vectors.BLAKE3.items())
def test_vectors(module_connection: psycopg.Connection[Any], length: int, expected: str) -> None:
    assert blake3(module_connection, vectors.blake3_input(length)).hex() == expected


def test_vectors_of_the_authors(module_connection: psycopg.Connection[Any]) -> None:
    for length, expected in vectors.blake3_cases():
        assert blake3(module_connection, vectors.blake3_input(length)).hex() == expected, length


@pytest.mark.parametrize("length", [2, 250, 4_096, 4_097, 65_535, 65_536])
def test_random_bytes(module_connection: psycopg.Connection[Any], length: int) -> None:
    data = random.Random(length).randbytes(length)  # noqa: S311 -- reproducible on purpose
    assert blake3(module_connection, data) == digest(data)


def test_null_is_null(module_connection: psycopg.Connection[Any]) -> None:
    assert module_connection.execute("SELECT artifactstore.blake3(NULL)").fetchone() == (None,)
