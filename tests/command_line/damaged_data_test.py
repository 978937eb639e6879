"""A file of data that is damaged is one clear error, which names it."""

import random

import numpy as np
import pytest

from tfqd_command.data import load_data


@pytest.fixture(params=[np.savez, np.savez_compressed])
def good(request, tmp_path, monkeypatch):
    """The bytes of a file of data; the current folder is where it lay."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    request.param("good.npz", x=x, y=np.arange(20) % 3)
    return (tmp_path / "good.npz").read_bytes()


def damaged(data):
    with open("bad.npz", "wb") as file:
        file.write(data)
    return "bad.npz"


@pytest.mark.filterwarnings("error")
def test_a_file_that_ends_early_is_refused_by_its_name_and_closed(good):
    for length in (*range(0, 5), 30, len(good) // 2, len(good) - 30, len(good) - 1):
        with pytest.raises(ValueError, match=r"^bad\.npz (is no npz file|cannot be read)"):
            load_data(damaged(good[:length]))


def test_flipped_bits_raise_nothing_but_errors_that_name_the_file(good):
    chance, messages = random.Random(0), []
    for _ in range(300):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            load_data(damaged(bytes(data)))
        except ValueError as error:
            messages.append(str(error))
    assert messages
    assert all("bad.npz" in message for message in messages)


def test_objects_are_refused_without_advice_to_unpickle_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("objects.npz", x=np.array([[1], [2, 3]], object))
    with pytest.raises(
        ValueError, match=r"^x of objects\.npz must be an array of numbers; it holds objects$"
    ):
        load_data("objects.npz")


def test_a_damaged_array_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("good.npz", x=np.zeros((20, 4), np.float32))
    data = bytearray((tmp_path / "good.npz").read_bytes())
    data[data.index(b"NUMPY") + 200] ^= 1
    with pytest.raises(
        ValueError, match=r"^x of bad\.npz cannot be read, as when it is damaged: BadZipFile: "
    ):
        load_data(damaged(bytes(data)))
