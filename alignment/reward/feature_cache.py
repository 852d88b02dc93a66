"""Backbone features kept on disk, so that a text is sent through a backbone once."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WAIT_SECONDS = 60.0
KEYS_PER_QUERY = 500


class FeatureCache:
    """Vectors by key, in one SQLite file that several processes may share.

    A key is the digest of everything that a vector depends on; a wrong or torn entry counts as missing.
    """

    def __init__(self, directory: Path, backbone: str, num_features: int) -> None:
        """backbone: the digest of the one whose features these are; each has a file of its own."""
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{backbone}.sqlite"
        self._num_bytes = num_features * np.dtype(np.float32).itemsize
        with closing(self._connect()) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, vector BLOB NOT NULL)"
            )

    def get(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are there, by key."""
        found: dict[str, NDArray[np.float32]] = {}
        with closing(self._connect()) as database:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                asked = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(asked))
                query = f"SELECT key, vector FROM features WHERE key IN ({marks})"  # noqa: S608  only marks
                rows: Iterable[tuple[str, bytes]] = database.execute(query, asked)
                found.update(
                    (key, np.frombuffer(vector, np.float32))
                    for key, vector in rows
                    if len(vector) == self._num_bytes
                )
        return found

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors, all of them or none."""
        rows = [(key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
        with closing(self._connect()) as database, database:
            database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", rows)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=WAIT_SECONDS)
