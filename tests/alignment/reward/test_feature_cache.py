import sqlite3

import numpy as np
import pytest

from alignment.reward.feature_cache import FeatureCache

VECTOR = np.array([1.5, -2.0, 1e-30], dtype=np.float32)


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features", "digest", 3)


def test_a_vector_comes_back_bit_by_bit(cache):
    cache.put({"a": VECTOR})

    assert cache.get(["a", "b"])["a"].tobytes() == VECTOR.tobytes()


def test_what_is_not_there_is_missing(cache):
    cache.put({"a": VECTOR})

    assert list(cache.get(["b", "a"])) == ["a"]


def test_more_keys_than_a_query_takes_are_found(cache):
    cache.put({str(number): VECTOR for number in range(1201)})

    assert len(cache.get([str(number) for number in range(1300)])) == 1201


def test_another_process_sees_it(cache, tmp_path):
    cache.put({"a": VECTOR})

    assert "a" in FeatureCache(tmp_path / "features", "digest", 3).get(["a"])


def test_backbones_do_not_share_vectors(cache, tmp_path):
    cache.put({"a": VECTOR})

    assert not FeatureCache(tmp_path / "features", "other", 3).get(["a"])


def test_a_vector_of_another_length_counts_as_missing(cache, tmp_path):
    with sqlite3.connect(tmp_path / "features" / "digest.sqlite") as database:
        database.execute("INSERT INTO features VALUES ('torn', ?)", (b"1234",))

    assert not cache.get(["torn"])
