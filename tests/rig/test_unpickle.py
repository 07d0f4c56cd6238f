import ast
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import hostile
import numpy as np
import pytest
from hostile import FAMILIES, Family, Hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from made_flame import Chumpy, Selected, Sparse, python2_pickle

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.rig import unpickle, unpickle_child
from mien.rig.unpickle import read_pickle

SOURCES = Path(unpickle.__file__).parents[1]


def refusal(path: Path, names: tuple[str, ...] = ("f",), seconds: float = 20.0) -> InputError:
    with pytest.raises(InputError) as caught:
        read_pickle(path, names, seconds)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return caught.value


# --- what a model holds is read ---------------------------------------------------------------------------------------

ARRAYS: list[Array] = [
    np.arange(24.0).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    np.arange(4, dtype=">u4"),
    np.array([True, False]),
    np.zeros((0, 3)),
    np.array([1.5, -0.0], np.float16),
]


def same(found: Array, wanted: Array) -> bool:
    return found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_pickles_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    wanted = {f"a{k}": array for k, array in enumerate(ARRAYS)}
    others = {"scale": np.float64(2), "names": np.array(["x", "yz"]), "nothing": None, "set": {1}, "raw": b""}
    path.write_bytes(pickle.dumps(wanted | others, protocol))
    found = read_pickle(path, [*wanted, "missing"])
    assert list(found) == list(wanted)
    assert all(same(found[key], wanted[key]) for key in wanted)
    assert not any(array.flags.writeable for array in found.values())


def test_python_2_pickles_with_chumpy_and_scipy_are_read_without_either(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    random = np.random.default_rng(0)
    matrix = np.where(random.uniform(size=(5, 40)) < 0.2, random.normal(size=(5, 40)), 0)
    source = np.arange(24.0).reshape(4, 6)
    index = np.array([5, 0, 23, 7, 7, 1])
    model = {
        "plain": ARRAYS[0],
        "wrapped": Chumpy(Chumpy(ARRAYS[1])),
        "columns": Sparse(matrix),
        "rows": Sparse(matrix, "csr"),
        "selected": Selected(Chumpy(source), index, (2, 3)),
        "style": "lbs",
    }
    path.write_bytes(python2_pickle(model))
    found = read_pickle(path, [key for key in model if key != "style"])
    assert same(found["plain"], ARRAYS[0])
    assert same(found["wrapped"], ARRAYS[1])
    assert same(found["columns"], matrix)
    assert same(found["rows"], matrix)
    assert same(found["selected"], source.ravel()[index].reshape(2, 3))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_scipys_own_pickles_are_read(tmp_path: Path, protocol: int) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    path = tmp_path / "a.pkl"
    matrix = np.diag([1.0, 0, 3])[:, :2]
    kinds = ("csc_matrix", "csr_matrix", "csc_array", "csr_array")
    path.write_bytes(pickle.dumps({kind: getattr(sparse, kind)(matrix) for kind in kinds}, protocol))
    found = read_pickle(path, kinds)
    assert all(np.array_equal(found[kind], matrix) for kind in kinds)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(
    shape=st.lists(st.integers(0, 5), max_size=4),
    code=st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", ">f8", ">i4"]),
    protocol=st.integers(0, 5),
    fortran=st.booleans(),
)
def test_arrays_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], code: str, protocol: int, fortran: bool
) -> None:
    array = np.random.default_rng(1).integers(0, 2, shape).astype(code)
    array = np.asfortranarray(array) if fortran else array
    path = tmp_path_factory.mktemp("bits") / "a.pkl"
    path.write_bytes(pickle.dumps({"a": array}, protocol))
    assert same(read_pickle(path, ["a"])["a"], array)


# --- what else a pickle asks for is refused ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """Where hostile files lie, where their canaries would, and a listener that nothing may reach."""

    files: Path
    canaries: Path
    listener: socket.socket

    def made(self, family: Family) -> list[tuple[Hostile, Path]]:
        found = list(family(self.canaries, self.listener.getsockname()[1]))
        paths = [self.files / f"{family.__name__}-{k}.pkl" for k in range(len(found))]
        for each, path in zip(found, paths, strict=True):
            path.write_bytes(each.data)
        return list(zip(found, paths, strict=True))

    def connections(self) -> int:
        """How often the listener was reached since it was last asked."""
        count = 0
        while True:
            try:
                self.listener.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1

    def touched(self) -> set[str]:
        return {path.name for path in self.canaries.iterdir()} - {"script.py", "made.npy"}


@pytest.fixture
def shooting(tmp_path: Path) -> Iterator[Range]:
    (tmp_path / "files").mkdir()
    (tmp_path / "canaries").mkdir()
    hostile.prepare(tmp_path / "canaries")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Range(tmp_path / "files", tmp_path / "canaries", listener)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_hostile_pickles_are_refused_by_name_and_do_nothing(shooting: Range, family: Family) -> None:
    for each, path in shooting.made(family):
        start = time.monotonic()
        error = refusal(path, seconds=each.seconds)
        assert error.code == "E_PICKLE", each.name
        assert re.search(each.says, f"{error.cause} "), (each.name, error.cause)
        assert len(error.cause) < 400, each.name
        assert time.monotonic() - start < 10, each.name
        assert shooting.touched() == set(), each.name
    assert shooting.connections() == 0


PLAIN = """
import pickle, sys
for path in sys.argv[1:]:
    try:
        pickle.loads(open(path, "rb").read(), encoding="latin1")
    except BaseException:
        pass
"""


def test_the_hostile_pickles_are_hostile(shooting: Range) -> None:
    """Read without protection, those that are marked do what they try."""
    live = [(each, path) for family in FAMILIES[:-2] for each, path in shooting.made(family) if each.live]
    subprocess.run([sys.executable, "-c", PLAIN, *(str(path) for _, path in live)], timeout=60, check=True)
    assert shooting.connections() == 1
    assert shooting.touched() == {each.name for each, _ in live} - {"socket.create_connection"}
    assert len(live) > 24


HUNGRY = """
import sys
sys.path.insert(0, sys.argv[1])
import unpickle_child as child

child.MEMORY_LIMIT = 1 << 28
# Opened before: afterwards no file can be. `ru_maxrss` would count what the parent held when it forked.
status = open("/proc/self/status")
child.confine()
try:
    child.answer(b"\\x80\\x02" + b"]" * 8_000_000, ["f"])
except MemoryError as error:
    peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
    print(child.refusal(error), int(peak) << 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units, or do not limit it")
def test_memory_ends_where_the_limit_is() -> None:
    reader = [sys.executable, "-I", "-c", HUNGRY, str(SOURCES / "rig")]
    says = subprocess.run(reader, capture_output=True, text=True, timeout=60, check=True).stdout
    assert says.startswith("asks for more than 256 MiB of memory")
    assert 2**27 < int(says.split()[-1]) < 2**28


def test_pipes_and_endless_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pkl")
    for path in (tmp_path / "pipe.pkl", Path("/dev/zero"), tmp_path, tmp_path / "missing.pkl"):
        assert refusal(path).code == "E_NOTFILE"
    (tmp_path / "empty.pkl").touch()
    assert refusal(tmp_path / "empty.pkl").code == "E_EMPTY"
    with (tmp_path / "huge.pkl").open("wb") as file:
        file.truncate(unpickle.FILE_LIMIT + 1)
    assert "256 MiB > limit 256 MiB" in refusal(tmp_path / "huge.pkl").cause


@settings(derandomize=True, deadline=None, max_examples=15)
@given(places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=3))
def test_damage_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, places: list[tuple[int, int]]) -> None:
    data = bytearray(python2_pickle({"f": Chumpy(np.arange(6.0)), "J": Sparse(np.eye(3)), "s": "lbs"}))
    for place, change in places:
        data[place % len(data)] ^= change
    path = tmp_path_factory.mktemp("damage") / "a.pkl"
    path.write_bytes(data)
    with suppress(InputError):
        found = read_pickle(path, ["f", "J"])
        assert all(array.dtype.kind in "biuf" for array in found.values())


def sparse_state(**changes: object) -> dict[str, object]:
    """What scipy keeps of a matrix [2, 3] by columns with two entries, with changes."""
    numbers = {"data": np.ones(2), "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2, 2])}
    return {"_shape": (2, 3), **numbers, **changes}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"_shape": (2**20, 2**20)}, "unfolds to 1099511627776 numbers"),
        ({"_shape": (2, 4)}, "no whole sparse matrix"),
        ({"_shape": (2,)}, "not enough values|no whole"),
        ({"_shape": (2, -3)}, "holds a shape"),
        ({"_shape": None}, "holds a shape"),
        ({"indices": np.array([0, 2])}, "entries outside"),
        ({"indices": np.array([-1, 0])}, "entries outside"),
        ({"indices": np.array([0.0, 1.0])}, "no whole sparse matrix"),
        ({"indptr": np.array([0, 2, 1, 2])}, "no whole sparse matrix"),
        ({"indptr": np.array([1, 1, 2, 2])}, "no whole sparse matrix"),
        ({"data": np.ones((2, 1))}, "no whole sparse matrix"),
        ({"data": "xx"}, "no array under f.data"),
    ],
)
def test_sparse_matrices_that_do_not_fit_themselves(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    path = tmp_path / "a.pkl"
    opcodes = b"cscipy.sparse.csc\ncsc_matrix\n)\x81" + python2_pickle(sparse_state(**changes))[2:-1] + b"b"
    path.write_bytes(hostile.whole(b"}" + hostile.value("f") + opcodes + b"s"))
    assert re.search(says, refusal(path).cause)


@pytest.mark.parametrize("index", [np.array([0, 6]), np.array([-1, 0]), np.array([0.0, 1.0]), np.array([0])])
def test_selections_of_what_is_not_there(tmp_path: Path, index: Array) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(python2_pickle({"f": Selected(np.arange(6.0), index, (2,))}))
    assert "selects what its array does not hold" in refusal(path).cause


# --- the process itself -----------------------------------------------------------------------------------------------

ATTEMPTS = """
import ctypes, json, os, socket, subprocess, sys, tempfile
sys.path.insert(0, sys.argv[1])
import unpickle_child as child

attempts = {
    "read": lambda: open(sys.argv[1] + "/model.py"),
    "write": lambda: open(sys.argv[2], "w"),
    "low write": lambda: os.open(sys.argv[2], os.O_CREAT),
    "folder": lambda: os.mkdir(sys.argv[2]),
    "remove": lambda: os.remove(sys.argv[1] + "/nothing"),
    "socket": lambda: socket.socket(),
    "resolve": lambda: socket.gethostbyname("localhost"),
    "system": lambda: os.system("touch " + sys.argv[2]),
    "process": lambda: subprocess.Popen(["touch", sys.argv[2]]),
    "fork": lambda: os.fork() or os._exit(0),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(1, 0),
    "import": lambda: __import__("wave"),
    "library": lambda: ctypes.CDLL(None),
    "eval": lambda: eval("1"),
    "temporary": lambda: tempfile.mkstemp(),
}

def outcome(attempt):
    try:
        attempt()
    except child.Refused:
        return "refused"
    except OSError as error:
        return error.errno
    return "done"

child.confine()
if sys.argv[3] == "hook":
    sys.addaudithook(child.refuse_event)
else:
    attempts = {name: attempts[name] for name in ("read", "write", "low write", "socket")}
os.write(1, json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}).encode())
os._exit(0)
"""


def attempted(folder: Path, how: str) -> dict[str, object]:
    arguments = [str(SOURCES / "rig"), str(folder / "canary"), how]
    run = subprocess.run(
        [sys.executable, "-I", "-c", ATTEMPTS, *arguments], capture_output=True, timeout=30, check=True
    )
    assert not (folder / "canary").exists()
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def test_the_audit_hook_lets_nothing_through(tmp_path: Path) -> None:
    found = attempted(tmp_path, "hook")
    assert len(found) == 16
    assert set(found.values()) == {"refused"}, found


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no descriptors")
def test_without_the_hook_the_system_still_gives_no_descriptor(tmp_path: Path) -> None:
    found = attempted(tmp_path, "limits")
    assert set(found.values()) == {24}, found  # EMFILE


def replaced(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> Path:
    """A model, and in place of the process that reads it a script."""
    (folder / "reader.py").write_text(script, "utf-8")
    monkeypatch.setattr(unpickle_child, "__file__", str(folder / "reader.py"))
    (folder / "a.pkl").write_bytes(pickle.dumps({"f": 1}))
    return folder / "a.pkl"


FACTS = """
import json, os, sys
facts = {
    "environment": sorted(set(os.environ) - {"LC_CTYPE"}),
    "folder": os.listdir("."),
    "isolated": [sys.flags.isolated, sys.flags.no_site],
    "open": sorted(os.listdir("/proc/self/fd"))[:-1] if os.path.isdir("/proc/self/fd") else ["0", "1", "2"],
    "leads": os.getsid(0) == os.getpid(),
}
os.write(2, json.dumps(json.dumps(facts)).encode())
sys.exit(1)
"""


def test_the_process_starts_with_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = replaced(monkeypatch, tmp_path, FACTS)
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        facts = json.loads(refusal(path).cause)
    assert set(facts["environment"]) <= {"SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
    assert facts["folder"] == []
    assert facts["isolated"] == [1, 1]
    assert facts["open"] == ["0", "1", "2"]
    assert facts["leads"]


HANGS = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(__file__).with_name("pid").write_text(str(child.pid))
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc whether a process lives")
def test_a_process_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(replaced(monkeypatch, tmp_path, HANGS), seconds=1.0)
    assert error.cause == "was not read within 1 s"
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.02)
    pytest.fail("a grandchild lives on")


NUMPY = "import io, os, sys, zipfile; out = io.BytesIO(); archive = zipfile.ZipFile(out, 'w')\n"
SEND = "\narchive.close(); os.write(1, out.getvalue()); os._exit(0)"
HEADER = "b'\\x93NUMPY\\x01\\x00\\x40\\x00' + b\"{'descr': '%s', 'fortran_order': False, 'shape': (1,)}\".ljust(64)"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import os; os.write(1, b'noise'); os._exit(0)", "not a whole NPZ"),
        ("import os; os._exit(0)", "not a whole NPZ"),
        ("import os; os._exit(3)", r"broke the process that read it \(status 3\)"),
        ("import os; os.kill(os.getpid(), 11)", "broke the process"),
        ("import os; os.write(2, b'[1]'); os._exit(1)", "broke the process"),
        ("import os; os.write(2, b'x' * 100000); os._exit(1)", "broke the process"),
        (f"{NUMPY}archive.writestr('f.npy', {HEADER % '|O'}){SEND}", "pickled objects"),
        (f"{NUMPY}archive.writestr('f.npy', {HEADER % '<U1'} + b'a000'){SEND}", "no numbers|less or more"),
        (f"{NUMPY}archive.writestr('f:columns:data.npy', {HEADER % '<f8'} + bytes(8)){SEND}", "shape"),
    ],
)
def test_an_answer_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str) -> None:
    assert re.search(says, refusal(replaced(monkeypatch, tmp_path, script)).cause)


def test_a_process_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = replaced(monkeypatch, tmp_path, "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    assert refusal(path).code == "E_READER"


def test_only_the_reading_process_unpickles() -> None:
    using = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("load", "loads", "Unpickler"):
                using |= {path.name} if isinstance(node.value, ast.Name) and node.value.id == "pickle" else set()
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant)
                assert node.value.value is False
    assert using == {"unpickle_child.py"}
