"""F20: nothing that others give decides how deep a function calls itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import artifactstore

PACKAGE = Path(artifactstore.__file__).parent

BOUNDED = {
    "codec.py: _check": "refuses more than MAX_DEPTH levels on the way down",
    "codec.py: _check_array": "the same",
    "codec.py: _check_map": "the same",
    "jobs/batches.py: append_each": "halves a batch",
    "cli/output.py: jsonable": "values of at most 16 levels (payloads) or 32 (answers of a service)",
    "cli/command.py: walk": "the commands of the program, in groups of one level",
    "http/pages/diagnostic.py: value": "refuses more than _MOST_LEVELS on the way down",
    "http/web/problems.py: _unicode": "facts of an error: what is told of a body has 16 levels at most",
    "jobs/exports/check.py: identity": "a method that calls the function of this name",
    "store/identity.py: epoch_name": "the same",
    "stores/answers.py: error": "the same",
    "stores/s3/uploads.py: complete": "once more, when the store has shown what it wants",
    "stores/s3/writing.py: _send": "the same",
    "stores/s3/writing.py: put": "the same",
}
"""Functions that call themselves, and what keeps them from going deep; those by types of fields are below."""

BY_TYPE = {"client/reading.py", "events/fields.py", "remote/translation.py"}
"""Modules whose recursion follows the types of fields and answers, which are ours, not what is in them."""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def called(function: ast.AST) -> set[str]:
    """Names that it calls as a function, or as a method of itself."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                    names.add(name)
    return names


def recursive(path: Path) -> set[str]:
    """Functions of a module that reach themselves through calls within it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls: dict[str, set[str]] = {}
    for function in functions(tree):
        calls.setdefault(function.name, set()).update(called(function))
    reached = {name: {one for one in direct if one in calls} for name, direct in calls.items()}
    for _ in calls:
        for name, far in reached.items():
            reached[name] = far | {one for near in far for one in reached[near]}
    return {name for name, far in reached.items() if name in far}


MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", [module for module in MODULES if module not in BY_TYPE])
def test_f20_only_known_functions_call_themselves(module: str) -> None:
    found = {f"{module}: {name}" for name in recursive(PACKAGE / module)}
    assert found <= BOUNDED.keys(), "what others give must not decide how deep it goes: use a loop"


def test_f20_the_list_has_no_function_that_is_gone() -> None:
    for known in BOUNDED:
        module, name = known.split(": ")
        assert name in recursive(PACKAGE / module)
    assert set(MODULES) >= BY_TYPE
