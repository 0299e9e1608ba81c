"""The architecture is a test: which package may import which, which modules may touch the outside, and where each client library lives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "migrate"

# A package may import those named beside it:
# cli -> run, report -> plan -> rules -> sources, targets, installers -> facts -> formats -> errors.
BELOW = ("facts", "formats")
KNOWLEDGE = ("sources", "targets", "installers", "manifests", *BELOW)  # these four ignore each other
DECISIONS = ("plan", "rules", "limits", *KNOWLEDGE)
LAYERS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "limits": frozenset(),
    "formats": frozenset(("errors",)),
    "facts": frozenset(("formats", "errors")),
    "sources": frozenset(BELOW),
    "targets": frozenset(BELOW),
    "installers": frozenset(BELOW),
    "manifests": frozenset(BELOW),
    "rules": frozenset(("errors", "limits", *KNOWLEDGE)),
    "plan": frozenset(("rules", "limits", *KNOWLEDGE)),
    "program": frozenset(DECISIONS),
    "verify": frozenset(DECISIONS),
    "report": frozenset(("program", "verify", *DECISIONS)),
    "run": frozenset(("program", "verify", "errors", "node", *DECISIONS)),
    "cli": frozenset(("run", "report", "program", "errors", *DECISIONS)),
    "node": frozenset(),
}
PURE = (*DECISIONS, "program", "verify", "report")

# What a pure package may import from outside; everything else of the standard library does I/O, reads a clock or is not needed.
PURE_STANDARD = frozenset(
    (
        *(
            "__future__",
            "ast",
            "base64",
            "copy",
            "binascii",
            "bisect",
            "collections",
            "collections.abc",
            "csv",
            "dataclasses",
            "difflib",
            "enum",
            "fractions",
        ),
        *("functools", "hashlib", "html", "ipaddress", "itertools", "json", "math", "operator", "posixpath", "re", "shlex", "string"),
        *("textwrap", "tomllib", "typing", "types", "unicodedata", "urllib.parse", "decimal", "fnmatch", "io", "codecs", "datetime"),
    )
)
PURE_THIRD_PARTY = {
    "formats": frozenset(("ruamel", "tomlkit", "toml", "yaml")),
    "facts": frozenset(("msgspec",)),
    "manifests": frozenset(("msgspec", "yaml")),
    "plan": frozenset(("msgspec",)),
    "verify": frozenset(("msgspec",)),
    # importlib reads the page's own style and script, which are a part of the package
    "report": frozenset(("msgspec", "importlib")),
}
FORBIDDEN_CALLS = frozenset(("open", "exec", "eval", "input", "print", "__import__"))
CLOCKS = frozenset(("now", "utcnow", "today", "time", "monotonic", "sleep"))

# Each client library is imported by exactly one place.
CLIENTS = {"paramiko": "run/ssh", "kubernetes": "run/kube", "docker": "run/docker", "click": "cli", "rich": "cli"}


def modules(package: Path = PACKAGE) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), ast.parse(path.read_text("utf-8"), str(path))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "migrate" else (module,)


def layer_of(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


def problems(name: str, tree: ast.Module) -> list[str]:
    """Everything in one module that the architecture forbids."""
    layer = layer_of(name)
    found = []
    for imported in imports(tree):
        top = imported.split(".")[0]
        if top == "migrate":
            other = ".".join(imported.split(".")[1:2])
            if other not in ("", "__version__", layer) and other not in LAYERS.get(layer, frozenset()):
                found.append(f"{name} imports {imported}: {layer} may not import {other}")
        elif layer in PURE and imported not in PURE_STANDARD and top not in PURE_THIRD_PARTY.get(layer, frozenset()):
            found.append(f"{name} imports {imported}: {layer}/ is pure")
        if top in CLIENTS and not name.startswith(CLIENTS[top]):
            found.append(f"{name} imports {imported}: only {CLIENTS[top]} may")
    if layer in PURE:
        found += [f"{name}:{node.lineno} calls {_called(node)}: {layer}/ is pure" for node in ast.walk(tree) if _impure(node)]
    return found


def _called(node: ast.AST) -> str:
    assert isinstance(node, ast.Call)
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _impure(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in FORBIDDEN_CALLS
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in CLOCKS
        and (node.func.value.id in ("time", "datetime", "date"))
    )


def test_every_module_keeps_to_its_layer() -> None:
    assert [problem for name, tree in modules() for problem in problems(name, tree)] == []


@pytest.mark.parametrize("layer", PURE)
@pytest.mark.parametrize(
    "planted",
    [
        "import paramiko",
        "import subprocess",
        "from subprocess import run",
        "import os",
        "import socket",
        "import time",
        "import kubernetes.client",
        "import docker",
        "def late() -> None:\n    import subprocess",
        "open('/etc/passwd')",
        "from datetime import datetime\nx = datetime.now()",
        "from migrate.run import ssh",
    ],
)
def test_what_is_planted_in_a_pure_package_is_found(layer: str, planted: str) -> None:
    assert problems(f"{layer}/planted.py", ast.parse(planted)) != []


PRINTERS = {"echo", "secho", "print"}  # `print`: also a console's


def test_there_is_one_way_to_a_terminal() -> None:
    """Whatever is printed goes through cli/terminal.py, which makes it printable; rich's table is told apart in a test of its own."""
    found = {
        (name, _called(node))
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in PRINTERS and name != "cli/terminal.py"
    }
    assert found == {("cli/show.py", "print")}  # the live table's console, with markup off


def test_a_class_name_has_one_meaning() -> None:
    """A reader who meets a class by its name finds one definition of it."""
    found: dict[str, list[str]] = {}
    for name, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name)
    assert {name: where for name, where in found.items() if len(where) > 1} == {}


def test_modules_stay_small() -> None:
    """A module that a newcomer can read at one sitting; tables of knowledge may be longer."""
    tables = {"facts/cluster.py", "facts/model.py", "facts/probes.py", "plan/steps.py"}
    long = {name: len((PACKAGE / name).read_text("utf-8").splitlines()) for name, _ in modules() if name not in tables}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}
