"""Hostile pickles, written opcode by opcode: each tries to leave a canary file, to reach a listener, or to hurt.

Those marked `live` do what they try when plain `pickle.loads` reads them: a test proves it, so that refusing them means
something.
"""

import marshal
import pickle
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made_flame import made_flame, official, python2_pickle


@dataclass(frozen=True)
class Hostile:
    """One pickle.

    Args:
        name: what it tries.
        data: the file.
        says: regular expression that the refusal must match.
        live: whether plain unpickling leaves the canary or reaches the listener.
        seconds: how long it may be read; what never ends is given little.
    """

    name: str
    data: bytes
    says: str
    live: bool = False
    seconds: float = 20.0


BROKEN = "is no whole pickle"
MEMORY = "more than 2048 MiB of memory"
CLAIM = f"{MEMORY}|{BROKEN}"
COMMAND = "touch {canary}"


Family = Callable[[Path, int], Iterator[Hostile]]
"""Makes hostile files: a canary is the folder / the file's name, a listener waits on the port of the loopback."""


def value(thing: object) -> bytes:
    """Opcodes that push a plain thing."""
    return pickle.dumps(thing, 2)[2:-1]


def name(target: str) -> bytes:
    """Opcodes that push what a dotted name stands for."""
    module, _, attribute = target.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def call(target: str | bytes, *parts: bytes) -> bytes:
    """Opcodes that call a name, or what opcodes push, with what further opcodes push."""
    return (target if isinstance(target, bytes) else name(target)) + b"(" + b"".join(parts) + b"tR"


def whole(opcodes: bytes) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + opcodes + b"."


def prepare(folder: Path) -> None:
    """Puts there what some of them refer to."""
    (folder / "script.py").write_text(f"open({str(folder / 'runpy.run_path')!r}, 'w').close()", "utf-8")
    objects = np.array([Runs(str(folder / "numpy.load"))], dtype=object)
    np.save(folder / "made.npy", objects, allow_pickle=True)


def names(folder: Path, port: int) -> Iterator[Hostile]:
    """One forbidden name, called."""
    commands = (
        *("os.system", "posix.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
        *("commands.getoutput", "nt.system", "popen2.popen3", "platform.popen", "asyncio.create_subprocess_shell"),
    )
    for target in commands:
        order = value(COMMAND.format(canary=folder / target))
        yield Hostile(target, whole(call(target, order)), f"asks for {target} ", target == "posix.system")
    lists = (
        *("subprocess.Popen", "subprocess.check_output", "subprocess.call", "pty.spawn", "os.spawnvp", "os.execvp"),
        *("multiprocessing.util.spawnv_passfds", "_posixsubprocess.fork_exec", "os.posix_spawn"),
    )
    for target in lists:
        order = value(["touch", str(folder / target)])
        live = target in ("subprocess.check_output", "subprocess.call")
        yield Hostile(target, whole(call(target, order)), f"asks for {target} ", live)
    codes = (
        *("builtins.exec", "builtins.eval", "__builtin__.eval", "__builtin__.execfile", "timeit.timeit", "pdb.run"),
        *("cProfile.run", "profile.run", "code.interact", "bdb.Bdb", "doctest.debug_script", "trace.Trace"),
        *("builtins.compile", "logging.config._resolve", "numpy.testing._private.utils.runstring"),
        *("numpy.f2py.crackfortran.getlincoef", "numpy.f2py.diagnose.run_command", "torch.jit.unsupported.execWrapper"),
    )
    for target in codes:
        order = value(f"__import__('pathlib').Path({str(folder / target)!r}).touch()")
        live = target in ("builtins.exec", "builtins.eval")
        yield Hostile(target, whole(call(target, order)), f"asks for {target} ", live)
    files = (
        *("builtins.open", "io.open", "_io.open", "__builtin__.file", "io.FileIO", "os.mkdir", "tempfile.mkdtemp"),
        *("shutil.rmtree", "linecache.getlines", "numpy.memmap", "logging.FileHandler", "zipfile.ZipFile"),
    )
    for target in files:
        parts = [value(str(folder / target))] if target == "os.mkdir" else [value(str(folder / target)), value("w")]
        live = target in ("builtins.open", "io.open", "io.FileIO", "os.mkdir")
        yield Hostile(target, whole(call(target, *parts)), f"asks for {target} ", live)
    for target in ("importlib.import_module", "builtins.__import__", "runpy.run_module", "pkgutil.resolve_name"):
        yield Hostile(target, whole(call(target, value("antigravity"))), f"asks for {target} ")
    script = call("runpy.run_path", value(str(folder / "script.py")))
    yield Hostile("runpy.run_path", whole(script), "asks for runpy.run_path ", True)
    address = value(("127.0.0.1", port))
    yield Hostile("socket.create_connection", whole(call("socket.create_connection", address)), "asks for socket", True)
    url = value(f"http://127.0.0.1:{port}/")
    for target in ("urllib.request.urlopen", "webbrowser.open", "ssl.get_server_certificate", "ctypes.CDLL"):
        yield Hostile(target, whole(call(target, url)), f"asks for {target} ")


def chains(folder: Path, port: int) -> Iterator[Hostile]:
    """Several names that are harmless alone, one after the other."""
    order = {key: value(COMMAND.format(canary=folder / key)) for key in ("getattr", "partial", "attrgetter", "methods")}
    system = call("builtins.getattr", call("builtins.__import__", value("os")), value("system"))
    yield Hostile("getattr", whole(call(system, order["getattr"])), "asks for builtins.getattr", True)
    partial = call("functools.partial", name("os.system"), order["partial"])
    yield Hostile("partial", whole(call(partial)), "asks for functools.partial", True)
    getter = call(call("operator.attrgetter", value("system")), name("shutil.os"))
    yield Hostile("attrgetter", whole(call(getter, order["attrgetter"])), "asks for operator.attrgetter", True)
    caller = call(call("operator.methodcaller", value("system"), order["methods"]), name("shutil.os"))
    yield Hostile("methods", whole(caller), "asks for operator.methodcaller", True)
    code = marshal.dumps(compile(f"open({str(folder / 'marshal')!r}, 'w').close()", "made", "exec"))
    function = call("types.FunctionType", call("marshal.loads", pickle.dumps(code, 3)[2:-1]), b"}")
    yield Hostile("marshal", whole(call(function)), "asks for types.FunctionType", True)
    yield Hostile("code", whole(call("types.CodeType", value(0), value(b""))), "asks for types.CodeType")
    inner = whole(call("os.system", value(COMMAND.format(canary=folder / "nested"))))
    for target in ("pickle.loads", "_pickle.loads", "dill.loads", "joblib.load"):
        nested = call(target, pickle.dumps(inner, 3)[2:-1])
        yield Hostile("nested" if target == "pickle.loads" else target, whole(nested), "asks for", target[0] == "p")
    add = call("copyreg.add_extension", value("os"), value("system"), value(7))
    extended = call(b"\x82\x07", value(COMMAND.format(canary=folder / "extension")))
    yield Hostile("extension", whole(add + b"0" + extended), "asks for copyreg.add_extension", True)
    for mapped in ("builtins.map", "builtins.filter", "builtins.setattr", "builtins.vars", "builtins.globals"):
        yield Hostile(
            mapped, whole(call(mapped, name("os.system"), value(["true"]))), f"asks for {mapped} |asks for os"
        )
    model: dict[str, object] = dict(official(made_flame(2, 2)))
    touch = call("os.system", value(COMMAND.format(canary=folder / "inside")))
    # In the place of a text that FLAME's file holds: everything round it is as it should be.
    text = python2_pickle("lbs")[2:-1]
    yield Hostile(
        "inside", python2_pickle(model | {"bs_style": "lbs"}).replace(text, touch), "asks for os.system", True
    )


def numpy_abuse(folder: Path, port: int) -> Iterator[Hostile]:
    """Calls of names that are allowed, with what no model needs."""
    array, dtype, made = "numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct"
    rebuild = call(made, name(array), value((0,)), value("b"))
    double = call(dtype, value("f8"), value(0), value(1))

    def state(shape: object, kind: bytes = double, data: object = b"") -> bytes:
        return b"(K\x01" + value(shape) + kind + b"\x89" + pickle.dumps(data, 3)[2:-1] + b"tb"

    yield Hostile("absurd array", whole(call(array, value((2**40,)))), "calls Array")
    yield Hostile("absurd rebuild", whole(call(made, name(array), value((2**43,)), value("b"))), "_reconstruct")
    yield Hostile("absurd state", whole(rebuild + state((2**20, 2**20))), "array of 8796093022208 bytes and brings 0")
    yield Hostile("overflow", whole(rebuild + state((2**32, 2**32, 2))), "array of .* bytes and brings 0")
    yield Hostile("negative", whole(rebuild + state((-1,))), "array of shape -0x1")
    yield Hostile("endless number", whole(rebuild + state((1 << 80000,))), "array of shape 0x1000")
    yield Hostile("many axes", whole(rebuild + state((1,) * 65, data=bytes(8))), "array of shape")
    yield Hostile("odd state", whole(rebuild + b"Nb"), "unknown layout")
    yield Hostile("no bytes", whole(rebuild + state((1,), data=[1])), "without bytes")
    yield Hostile("no type", whole(rebuild + state((1,), b"N", b"12345678")), "without bytes")
    buffer = call("numpy._core.numeric._frombuffer", value("x"), double, value((2**39,)), value("C"))
    yield Hostile("absurd buffer", whole(buffer), "bytes and brings 1")
    for code in ("O8", "O", "V8", "M8", "f8,f8", "f88888", "(3,)f8"):
        yield Hostile(f"type {code}", whole(call(dtype, value(code))), "numpy type")
    fields = value((3, "<", None, ("x",), {"x": 1}, 8, 8, 0)) + b"b"
    yield Hostile("fields", whole(double + fields), "several fields")
    objects = np.array([Runs(str(folder / "object array"))], dtype=object)
    yield Hostile("object array", pickle.dumps(objects, 2), "asks for", True)
    load = call("numpy.load", value(str(folder / "made.npy")), b"N", b"\x88")
    yield Hostile("numpy.load", whole(load), "asks for numpy.load", True)
    yield Hostile("other class", whole(call(made, name("builtins.object"), value((0,)), value("b"))), "_reconstruct")
    yield Hostile("other base", whole(call("copy_reg._reconstructor", name(made), name(array), b"N")), "_reconstructor")
    yield Hostile("encode huge", whole(call("_codecs.encode", value("x"), value("hex"))), "_codecs.encode with hex")
    yield Hostile("encode object", whole(call("_codecs.encode", name(array), value("latin1"))), "_codecs.encode")
    yield Hostile("bytes huge", whole(call("builtins.bytes", value(2**43))), "calls bytes")
    yield Hostile("class in place of arrays", whole(b"}" + value("f") + name(array) + b"s"), "no array under f")
    yield Hostile("number in place of arrays", whole(value({"f": 1})), "no array under f")
    yield Hostile("unfilled array", whole(b"}" + value("f") + rebuild + b"s"), "without numbers")
    ring = b"}" + value("f") + name("chumpy.ch.Ch") + b")\x81q\x01}" + value("x") + b"h\x01sbs"
    yield Hostile("ring of wrappers", whole(ring), "no array under f")
    for target in ("numpy.ndarray.tofile", "scipy.sparse.load_npz", "chumpy.ch.ChLambda", "numpy.fromfile"):
        yield Hostile(target, whole(call(target, value(str(folder / target)))), f"asks for {target} ")


class Runs:
    """Touches a file when it is unpickled."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (f"open({self.canary!r}, 'w').close()",)


def opcode_tricks(folder: Path, port: int) -> Iterator[Hostile]:
    """The same call by every way the protocols have, and names hidden in names."""
    for protocol in range(6):
        canary = f"protocol {protocol}"
        yield Hostile(canary, pickle.dumps(Runs(str(folder / canary)), protocol), "asks for .*exec", True)
    order = {key: value(f"touch '{folder / key}'") for key in ("inst", "obj", "stack global", "memo")}
    yield Hostile("inst", b"(" + order["inst"] + b"ios\nsystem\n.", "asks for os.system", True)
    yield Hostile("obj", b"(cos\nsystem\n" + order["obj"] + b"o.", "asks for os.system", True)
    dotted = b"\x80\x04" + value("shutil") + value("os.system") + b"\x93" + b"(" + order["stack global"] + b"tR."
    yield Hostile("stack global", dotted, "asks for shutil.os.system", True)
    for module, attribute in (("numpy", "ndarray.__class__"), ("_codecs", "encode.__self__"), ("builtins", "set.pop")):
        hidden = b"\x80\x04" + value(module) + value(attribute) + b"\x93."
        yield Hostile(f"{module} {attribute}", hidden, f"asks for {module}.{attribute}")
    kept = b"cos\nsystem\np0\n0g0\n(" + order["memo"] + b"tR."
    yield Hostile("memo", kept, "asks for os.system", True)
    for code in (b"\x82\x01", b"\x83\x01\x01", b"\x84\x01\x01\x01\x01"):
        yield Hostile(
            f"extension code of {len(code) - 1} bytes", b"\x80\x02" + code + b".", "asks for an extension code"
        )
    yield Hostile("persistent text", b"Pfile:///etc/passwd\n.", "persistent id file:///etc/passwd")
    yield Hostile("persistent object", whole(value(["x"]) + b"Q"), "persistent id list")
    yield Hostile("out of band", b"\x80\x05\x97.", f"{BROKEN}.*buffer")
    code_state = b"N}" + value("__code__") + b"Ns\x86b"
    yield Hostile("change a function", whole(name("_codecs.encode") + code_state), "changes a function")
    yield Hostile("change a class", whole(name("numpy.ndarray") + code_state), BROKEN)
    yield Hostile("change a type", whole(name("numpy.dtype") + b"}" + value("code") + b"Nsb"), BROKEN)
    yield Hostile("set an item", whole(name("numpy.ndarray") + b")\x81NNs"), BROKEN)
    yield Hostile("append", whole(name("numpy.ndarray") + b")\x81Na"), BROKEN)
    keywords = name("numpy.ndarray") + b")}" + value("shape") + value((2**43,)) + b"s\x92"
    yield Hostile("keywords", b"\x80\x04" + keywords + b".", BROKEN)
    yield Hostile("line feed in a name", b"\x80\x04" + value("o\ns") + value("x\033[2J") + b"\x93.", r"asks for o\\ns")


def bombs(folder: Path, port: int) -> Iterator[Hostile]:
    """Small files that unfold to much memory or time."""
    yield Hostile("memo far away", b"\x80\x02Nr\xff\xff\xff\xff.", MEMORY)
    yield Hostile("memo by text", b"Np99999999999\n.", CLAIM)
    yield Hostile("bytes of 8 TiB", b"\x80\x04\x8e" + struct.pack("<Q", 2**43) + b".", CLAIM)
    yield Hostile("text of 8 TiB", b"\x80\x04\x8d" + struct.pack("<Q", 2**43) + b".", CLAIM)
    yield Hostile("bytearray of 8 TiB", b"\x80\x05\x96" + struct.pack("<Q", 2**43) + b".", CLAIM)
    # Within what the file system and the machine would give, but not within what the process may have.
    yield Hostile("bytearray of 3 GiB", b"\x80\x05\x96" + struct.pack("<Q", 3 << 30) + b".", MEMORY)
    yield Hostile("frame of 8 TiB", b"\x80\x04\x95" + struct.pack("<Q", 2**43) + b"N.", CLAIM)
    yield Hostile("number of 2 GiB", b"\x80\x02\x8b\xff\xff\xff\x7f.", CLAIM)
    yield Hostile("number of many digits", b"I" + b"9" * 1_000_000 + b"\n.", BROKEN)
    lists = b"]" + b"".join(b"q" + bytes([k]) + b"](" + (b"h" + bytes([k])) * 10 + b"e" for k in range(100))
    yield Hostile("billion laughs", whole(lists), "holds a list")
    tuples = b"]})" + b"2\x86" * 60 + b"Nsa"
    yield Hostile("billion hashes", whole(tuples), "not read within|holds a list", seconds=1.0)
    copies = value("x" * 2**16) + b"q\x01" + b"0" + call("_codecs.encode", b"h\x01", value("latin1")) * 50_000
    yield Hostile("copies by encode", whole(copies), "holds a str")
    yield Hostile("deep lists", whole(b"]" * 1_000_000 + b"a" * 999_999), "holds a list")
    yield Hostile(
        "deep hashes", whole(b"]})" + b"\x85" * 1_000_000 + b"Nsa"), f"broke the process|{BROKEN}|holds a list"
    )


def streams(folder: Path, port: int) -> Iterator[Hostile]:
    """What is no pickle at all, or not a whole one."""
    good = python2_pickle({"f": np.zeros((3, 3))})
    yield Hostile("cut short", good[: len(good) // 2], BROKEN)
    yield Hostile("no end", good[:-1], BROKEN)
    yield Hostile("nothing on the stack", b"\x80\x02.", BROKEN)
    yield Hostile("unknown opcode", b"\x80\x02\xff.", BROKEN)
    yield Hostile("future protocol", b"\x80\x63N.", BROKEN)
    yield Hostile("noise", np.random.default_rng(0).bytes(4096), BROKEN)
    yield Hostile("a web page", b"<!doctype html><title>log in</title>", BROKEN)
    yield Hostile("an archive", b"PK\x03\x04" + bytes(64), BROKEN)
    yield Hostile("no dictionary", whole(value([1, 2])), "holds a list, not a dictionary")


FAMILIES: tuple[Family, ...] = (names, chains, numpy_abuse, opcode_tricks, bombs, streams)
