import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import made_capture

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.formats.npz import read_members
from mien.formats.takes import read_capture, write_capture


def test_damage_is_an_input_error_or_harmless(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "take.npz"
    write_capture(made_capture(2, 1, landmarks=False), path)
    whole = path.read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 2):
            data[place] ^= 1 << random.integers(8)
        path.write_bytes(data)
        try:
            read_capture(path)
        except InputError:
            refused += 1
    assert refused > 200


def npy(array: object, **about: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), **about)
    return stream.getvalue()


def repacked(folder: Path, changes: dict[str, bytes | None]) -> Path:
    """A whole NPZ with some members replaced, added, or (None) left out."""
    whole, path = folder / "whole.npz", folder / "changed.npz"
    write_capture(made_capture(1, 1, landmarks=False), whole, overwrite=True)
    with zipfile.ZipFile(whole) as old:
        members: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in (members | changes).items():
            if data is not None:
                new.writestr(name, data)
    return path


class Gadget:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return exec, ("raise SystemExit('a pickle ran')",)


GADGET = pickle.dumps(Gadget())
HUGE = npy(np.zeros((1, 52))).replace(b"(1, 52), }" + b" " * 12, b"(1, 52000000000000), }")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"header.npy": None}, "no text called header"),
        ({"header.npy": npy(3.0)}, "no text called header"),
        ({"header.npy": npy("[]")}, "does not hold an object"),
        ({"header.npy": npy("{")}, "not whole JSON"),
        ({"take0.weights.npy": npy(np.array([Gadget()], object), allow_pickle=True)}, "pickled objects"),
        ({"take0.weights.npy": GADGET}, "magic"),
        ({"take0.weights.npy": HUGE}, "take0.weights.npy holds less or more"),
        ({"take0.weights.npy": npy(np.zeros((1, 52)))[:-8]}, "take0.weights.npy holds less or more"),
        ({"take0.weights.npy": npy(np.zeros((1, 52), complex))}, r"takes\[0\].weights must hold numbers only"),
        ({"take0.weights.npy": npy(np.full((1, 52), np.nan))}, r"takes\[0\].weights holds nan"),
        ({"take0.weights.npy": npy(np.zeros((1, 52), "U3"))}, r"takes\[0\].weights must hold numbers only"),
        ({"take0.weights.npy": None}, r"takes\[0\].weights is missing"),
        ({"take1.weights.npy": npy(np.zeros(3))}, "take1.weights belongs to no take"),
        ({"take0.smile.npy": npy(np.zeros(3))}, r"takes\[0\].smile is not a key"),
        ({"readme.txt": b"hello"}, "magic"),
    ],
)
def test_names_the_wrong_member(tmp_path: Path, changes: dict[str, bytes | None], cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        read_capture(repacked(tmp_path, changes))


def test_npz_of_other_number_types_is_read(tmp_path: Path) -> None:
    fortran = np.asfortranarray(np.full((1, 52), 0.5, ">f8"))
    again = read_capture(repacked(tmp_path, {"take0.weights.npy": npy(fortran)}))
    assert again.takes[0].state.expression["jawOpen"].tolist() == [0.5]
    half = npy(np.full((1, 52), 0.5, np.float16))
    assert len(read_capture(repacked(tmp_path, {"take0.weights.npy": half})).takes) == 1


@pytest.mark.parametrize("content", [GADGET, npy(np.array([Gadget()], object), allow_pickle=True), b"PK\x03\x04"])
def test_refuses_a_pickle_named_npz(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evil.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="E_FORMAT"):
        read_capture(path)


def test_refuses_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.formats.takes.UNPACKED_LIMIT", 1 << 20)
    path = repacked(tmp_path, {})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", npy(np.ones(2 << 20, np.uint8)))
    with pytest.raises(InputError, match="unpacks to more than 1 MiB"):
        read_capture(path)


def packed(array: Array) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(array))
    return file.getvalue()


def test_zeros_take_no_memory_and_count_only_where_the_sum_is_asked() -> None:
    array = np.zeros((3_000_000, 2))
    array[5], array[2_000_000, 0] = [1, -0.0], np.pi
    data = packed(array)
    tracemalloc.start()
    try:
        (found,) = read_members(data, 1 << 16, sparse=True).values()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.tobytes() == array.tobytes()
    assert not found.flags.writeable
    assert peak - found.nbytes < 8 << 20, "the file is unpacked piece by piece"
    with pytest.raises(ValueError, match="unpacks to more than 0 MiB"):
        read_members(data, 1 << 12, sparse=True)
    with pytest.raises(ValueError, match="unpacks to more than 16 MiB"):
        read_members(data, 1 << 24)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (700, 52), (2, 300, 500)], ids=str)
def test_arrays_of_any_shape_and_order_come_back_to_the_bit(shape: tuple[int, ...], order: Any) -> None:
    random = np.random.default_rng(1)
    array = np.array(random.normal(0, 1, shape) * (random.uniform(0, 1, shape) > 0.5), order=order)
    (found,) = read_members(packed(array), 1 << 30, sparse=True).values()
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(array))
    np.testing.assert_array_equal(found, array)


def test_a_member_that_says_more_than_it_holds_is_refused() -> None:
    """Before anything is made of what it says."""
    data = bytearray(packed(np.ones(100_000)))
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = data.rindex(mark) + place
        data[start : start + 4] = (1 << 31).to_bytes(4, "little")
    with pytest.raises(ValueError, match=r"a\.npy holds less or more than its header says"):
        read_members(bytes(data), 1 << 40, sparse=True)
