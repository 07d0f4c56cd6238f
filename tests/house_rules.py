"""The ladder of ARCHITECTURE.md, as rules: imports point down, nothing imports in secret, and importing does nothing.

Each rule is a function of a package's root folder that returns its faults, so that it can be pointed at `src/mien` and,
to prove that it bites, at a small package made with one fault in it.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "mien"
LADDER = (
    {"core"},
    {"imaging", "formats", "cameras", "weights", "nets", "losses", "metrics"},
    {"runtime", "rig", "digest"},
    {"detect", "data", "paint"},
    {"pipelines", "train"},
    {"compose", "preview", "evaluate"},
    {"cli", "web"},
)
LEVEL = {room: height for height, rooms in enumerate(LADDER) for room in rooms}
FRONT_DOORS = {"__main__"}
"""Modules beside `__init__` that stand outside the ladder: nothing imports them, they may import everything."""
MAY_IMPORT_ON_DEMAND = {"cli", "web"}
OPTIONAL = {"ai_edge_litert", "jinja2", "matplotlib", "pillow_heif", "pyarrow", "ray", "safetensors"}
"""Packages of the extras: the module that needs one imports it when it is needed, and says which extra is missing."""
TALKATIVE: dict[tuple[str, ...], str] = {("runtime", "engine"): "onnxruntime"}
"""The one module that may import a package that connects as soon as it is imported: when it is needed, silenced."""
STRANGERS_WITHIN = {"pipelines"}
"""Rooms whose modules do not know each other: one verb a file."""
TORCH_HOMES = {"nets", "losses", "train", "data"}
TORCH_LED = (("cli", "train"),)
"""Modules, by the beginning of their name, that may reach torch by way of its homes: the command that trains."""

Parts = tuple[str, ...]
Rule = Callable[[Path], list[str]]


# --- reading a package ------------------------------------------------------------------------------------------------


@cache
def modules(root: Path) -> dict[Parts, ast.Module]:
    """Every module by its name below the package: () the package itself, ("core", "face") a file or a folder."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[parts[:-1] if parts[-1] == "__init__" else parts] = ast.parse(path.read_text("utf-8"), str(path))
    return found


def dotted(package: str, parts: Parts) -> str:
    return ".".join((package, *parts))


def imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, str, str | None]]:
    """Every absolute import anywhere below `tree`: its statement, the module, and the name taken from it or None."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node, node.module or "", alias.name) for alias in node.names)


def own_imports(tree: ast.AST, package: str, known: Mapping[Parts, object]) -> Iterator[tuple[ast.stmt, Parts]]:
    """Imports of the package's own modules; `from mien.core import face` is `core.face` where that is a module."""
    for node, module, name in imports(tree):
        first, *rest = module.split(".")
        if first == package:
            inner = (*rest, name) if name else tuple(rest)
            yield node, inner if inner in known else tuple(rest)


def outside_ladder(parts: Parts) -> bool:
    return not parts or parts[0] in FRONT_DOORS


def led_to_torch(parts: Parts) -> bool:
    """Whether a module is meant for learning, and so may reach torch."""
    return bool(parts) and (
        parts[0] in TORCH_HOMES or any(".".join(parts).startswith(".".join(led)) for led in TORCH_LED)
    )


# --- the rules that read ----------------------------------------------------------------------------------------------


def unknown_rooms(root: Path) -> list[str]:
    """Every module lives in a room of the ladder."""
    return [
        f"{dotted(root.name, parts)} is in no room of the ladder"
        for parts in modules(root)
        if not outside_ladder(parts) and parts[0] not in LEVEL
    ]


def imports_that_climb(root: Path) -> list[str]:
    """A module imports from lower levels and from its own room; rooms on one level are strangers."""
    known, faults = modules(root), []
    for parts, tree in known.items():
        if outside_ladder(parts):
            continue
        for _, target in own_imports(tree, root.name, known):
            edge = f"{dotted(root.name, parts)} imports {dotted(root.name, target)}"
            if outside_ladder(target):
                faults.append(f"{edge}, a front door")
            elif parts[0] != target[0] and LEVEL.get(target[0], len(LADDER)) >= LEVEL.get(parts[0], -1):
                faults.append(f"{edge}, which is not below it")
    return faults


def relative_imports(root: Path) -> list[str]:
    """One spelling per module: the absolute one."""
    return [
        f"{dotted(root.name, parts)} line {node.lineno} imports relatively"
        for parts, tree in modules(root).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def hidden_imports(root: Path) -> list[str]:
    """Only the top rooms import on demand; elsewhere every import stands in the open at the head of a module."""
    faults = []
    for parts, tree in modules(root).items():
        if parts[:1] and parts[0] in MAY_IMPORT_ON_DEMAND:
            continue
        open_ = set(map(id, tree.body))
        name = dotted(root.name, parts)
        for node, module, taken in imports(tree):
            if module.split(".")[0] in TALKATIVE.values() and TALKATIVE.get(parts) is None:
                faults.append(f"{name} line {node.lineno} imports {module} past what silences it")
            elif id(node) not in open_ and module.split(".")[0] not in {*OPTIONAL, TALKATIVE.get(parts)}:
                faults.append(f"{name} line {node.lineno} hides an import of {module}")
            if module == "importlib" and taken in {None, "import_module"}:
                faults.append(f"{name} line {node.lineno} imports by importlib")
        faults += [
            f"{name} line {node.lineno} imports by __import__"
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id == "__import__"
        ]
    return faults


def rings(root: Path) -> list[str]:
    """No module reaches itself by its imports."""
    known = modules(root)
    graph = {parts: {target for _, target in own_imports(tree, root.name, known)} for parts, tree in known.items()}
    faults: list[str] = []
    done: set[Parts] = set()

    def visit(parts: Parts, trail: tuple[Parts, ...]) -> None:
        if parts in trail:
            ring = (*trail[trail.index(parts) :], parts)
            faults.append(" -> ".join(dotted(root.name, each) for each in ring))
        elif parts in graph and parts not in done:
            for target in sorted(graph[parts]):
                visit(target, (*trail, parts))
            done.add(parts)

    for parts in graph:
        visit(parts, ())
    return faults


def verbs_that_know_each_other(root: Path) -> list[str]:
    """Within some rooms, too, modules are strangers."""
    known = modules(root)
    return [
        f"{dotted(root.name, parts)} knows {dotted(root.name, target)}"
        for parts, tree in known.items()
        if parts[:1] and parts[0] in STRANGERS_WITHIN
        for _, target in own_imports(tree, root.name, known)
        if target[:1] == parts[:1]
    ]


def names_torch(tree: ast.AST) -> bool:
    return any(module.split(".")[0] == "torch" for _, module, _ in imports(tree))


def torch_abroad(root: Path) -> list[str]:
    """Only its homes import torch, wherever in the file."""
    return [
        f"{dotted(root.name, parts)} imports torch"
        for parts, tree in modules(root).items()
        if names_torch(tree) and not (parts[:1] and parts[0] in TORCH_HOMES)
    ]


def torch_within_reach(root: Path) -> list[str]:
    """What captures does not reach torch by any chain of imports that run when it is imported."""
    known = modules(root)
    torch_users = {parts for parts, tree in known.items() if names_torch(tree)}
    graph: dict[Parts, list[Parts]] = {}
    for parts, tree in known.items():
        at_once = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        rooms = [parts[:k] for k in range(len(parts))]  # importing a module imports what it lies in, too
        graph[parts] = [*rooms, *(target for _, target in own_imports(ast.Module(at_once, []), root.name, known))]

    def chain_to_torch(start: Parts) -> list[Parts]:
        came_from: dict[Parts, Parts | None] = {start: None}
        for parts in (queue := [start]):
            if parts in torch_users:
                chain = [parts]
                while (before := came_from[chain[0]]) is not None:
                    chain.insert(0, before)
                return chain
            for target in graph[parts]:
                if target in known and target not in came_from:
                    came_from[target] = parts
                    queue.append(target)
        return []

    return [
        " -> ".join([*(dotted(root.name, each) for each in chain), "torch"])
        for parts in known
        if not led_to_torch(parts) and (chain := chain_to_torch(parts))
    ]


# --- the rules that run: a fresh interpreter imports the package ------------------------------------------------------

WITHOUT_TORCH = """
import importlib, json, sys, traceback
where, names, blocked = json.loads(sys.stdin.read())
sys.path.insert(0, where)
sys.modules.update(dict.fromkeys(blocked))
faults = []
for name in names:
    try:
        importlib.import_module(name)
    except Exception as error:
        faults.append(f"{name} does not import without {', '.join(blocked)}: {type(error).__name__}: {error}")
print(json.dumps(faults))
"""

# The libraries that a package needs are imported first: what they do on import is theirs, not ours.
WHAT_IT_DOES = """
import contextlib, importlib, io, json, os, sys, warnings
where, names, libraries = json.loads(sys.stdin.read())
sys.path.insert(0, where)
for library in libraries:
    with contextlib.suppress(Exception):
        importlib.import_module(library)
faults, watching = set(), True
deeds = {
    "socket.__new__": "opens a socket",
    "os.putenv": "changes the environment",
    "os.unsetenv": "changes the environment",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
}
def watch(event, args):
    if watching and event in deeds:
        faults.add(f"{name} {deeds[event]}")
sys.addaudithook(watch)
for name in names:
    environment, filters, said = dict(os.environ), list(warnings.filters), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            importlib.import_module(name)
        except Exception as error:
            faults.add(f"{name} does not import: {type(error).__name__}: {error}")
    if said.getvalue():
        faults.add(f"{name} prints {said.getvalue()!r}")
    if dict(os.environ) != environment:
        faults.add(f"{name} changes the environment")
    if list(warnings.filters) != filters:
        faults.add(f"{name} changes the warning filters")
watching = False
others = [each for each in list(sys.modules) if each.split(".")[0] not in {names[0], *sys.stdlib_module_names}]
print(json.dumps([sorted(faults), others]))
"""


def ask(program: str, *question: object) -> tuple[object, str]:
    """What `program` answers in a fresh interpreter that nothing from this one reaches, and what else it wrote."""
    run = subprocess.run(
        [sys.executable, "-I", "-c", program],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    *noise, answer = run.stdout.splitlines()
    return json.loads(answer), "\n".join(noise) + run.stderr


def runtime_modules(root: Path) -> list[str]:
    """The package and every module of it that captures may need, which is all but those for learning."""
    return [root.name, *(dotted(root.name, parts) for parts in modules(root) if parts and not led_to_torch(parts))]


def what_needs_torch(root: Path) -> list[str]:
    """The product runs without torch: `pip install mien` does not bring it."""
    names = [name for name in runtime_modules(root) if not name.endswith("__main__")]
    faults, _ = ask(WITHOUT_TORCH, str(root.parent), names, ["torch"])
    assert isinstance(faults, list)
    return faults


def what_importing_does(root: Path) -> list[str]:
    """Importing prints nothing, opens nothing, starts nothing, and leaves environment and warnings as they were."""
    names = [name for name in runtime_modules(root) if not name.endswith("__main__")]
    first, _ = ask(WHAT_IT_DOES, str(root.parent), names, [])
    assert isinstance(first, list)
    again, noise = ask(WHAT_IT_DOES, str(root.parent), names, first[1])
    assert isinstance(again, list)
    return [*again[0], *([f"{root.name} writes {noise!r}"] if noise.strip() else [])]


READING: list[Rule] = [
    unknown_rooms,
    imports_that_climb,
    relative_imports,
    hidden_imports,
    rings,
    verbs_that_know_each_other,
    torch_abroad,
    torch_within_reach,
]
RUNNING: list[Rule] = [what_needs_torch, what_importing_does]
