"""The rooms of the package, what they may import, and what importing it costs."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import types
from typing import NamedTuple

import pytest
from source_tree import MODULES, ROOT, imported_modules, imported_packages, room

import tfqd


class Rule(NamedTuple):
    """The rooms and the third-party packages that a room may import."""

    rooms: str = ""
    packages: str = ""


RULES = {
    "bucketing": Rule(),
    "spec": Rule("bucketing"),
    "selection": Rule("spec"),
    "presets": Rule("selection spec"),
    "ops": Rule("bucketing", "numpy tensorflow"),
    "quantizers": Rule("ops spec bucketing", "numpy tensorflow"),
    "compressed": Rule("bucketing spec", "numpy constriction"),
    "report": Rule("compressed spec", "rich"),
    "wrapping": Rule(
        "quantizers compressed selection spec bucketing report",
        "numpy tensorflow keras tf_keras tensorflow_model_optimization",
    ),
    "distillation": Rule("wrapping quantizers spec", "numpy tensorflow keras"),
    "callbacks": Rule("wrapping quantizers spec", "numpy tensorflow keras"),
}

# The doors of the house: they may import every room, and no room imports them.
FRONT = {"tfqd", "layers", "sizing", "cli", "demo"}

KERAS_INSIDES = re.compile(
    r"(keras\.src|keras\._tf_keras|tf_keras|tensorflow_model_optimization)\b"
)
NAMED_TUPLE_METHODS = {"_asdict", "_fields", "_make", "_replace"}
MAX_LINES = 300

IMPORT_TFQD = """
import json, os, sys, time
import tensorflow
before = set(sys.modules)
start = time.perf_counter()
import tfqd
seconds = time.perf_counter() - start
print(json.dumps({
    "seconds": seconds,
    "packages": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
    "legacy_keras": os.environ.get("TF_USE_LEGACY_KERAS"),
}))
"""


def import_in_a_fresh_process():
    # tfmot, imported by another test of this process, may have set the variable.
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", IMPORT_TFQD]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def first_import():
    return import_in_a_fresh_process()


def module_parameters(rooms):
    return pytest.mark.parametrize("module", [name for name in MODULES if room(name) in rooms])


def syntax_tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_room_has_a_rule():
    assert {room(module) for module in MODULES} <= RULES.keys() | FRONT


@module_parameters(RULES)
def test_rooms_import_only_rooms_below_them(module):
    imported = {room(name) for name in imported_modules(MODULES[module])}
    assert imported <= {room(module), *RULES[room(module)].rooms.split()}


@module_parameters(RULES)
def test_rooms_import_only_their_own_packages(module):
    assert imported_packages(MODULES[module]) <= set(RULES[room(module)].packages.split())


@module_parameters((RULES.keys() | FRONT) - {"wrapping"})
def test_only_wrapping_names_the_insides_of_keras(module):
    tree = syntax_tree(module)
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.alias)]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert [name for name in names if KERAS_INSIDES.match(str(name))] == []


@module_parameters((RULES.keys() | FRONT) - {"wrapping"})
def test_only_wrapping_uses_private_attributes_of_others(module):
    attributes = [node for node in ast.walk(syntax_tree(module)) if isinstance(node, ast.Attribute)]
    private = {
        ast.unparse(node)
        for node in attributes
        if re.match(r"_(?!_)", node.attr)
        and node.attr not in NAMED_TUPLE_METHODS
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    }
    assert private == set()


@pytest.mark.parametrize("module", MODULES)
def test_files_are_short(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_import_adds_at_most_half_a_second_to_tensorflow(first_import):
    seconds = [first_import["seconds"]]
    while min(seconds) >= 0.5 and len(seconds) < 3:
        seconds.append(import_in_a_fresh_process()["seconds"])
    assert min(seconds) < 0.5


def test_import_leaves_optional_packages_alone(first_import):
    optional = {"matplotlib", "sklearn", "tensorflow_model_optimization", "tf_keras"}
    assert optional.isdisjoint(first_import["packages"])


def test_import_leaves_the_users_keras_alone(first_import):
    assert first_import["legacy_keras"] is None


def public_objects():
    """(name, object) of what users may call, and of the public parts of its classes."""
    for module in (tfqd, tfqd.layers, tfqd.presets):
        for name, value in vars(module).items():
            if name.startswith("_") or isinstance(value, types.ModuleType):
                continue
            yield name, value
            if inspect.isclass(value):
                yield from ((f"{name}.{part}", vars(value)[part]) for part in own_parts(value))


def own_parts(cls):
    """The public methods and properties that are the class's own, not Keras' to describe."""
    elsewhere = {
        part
        for base in cls.__mro__
        if base.__module__.split(".")[0] != "tfqd"
        for part in vars(base)
    }
    return [
        part
        for part, value in vars(cls).items()
        if not part.startswith("_")
        and part not in elsewhere
        and (inspect.isfunction(value) or isinstance(value, property))
    ]


PUBLIC = dict(public_objects())


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_docstrings(name):
    docstring = inspect.getdoc(PUBLIC[name])
    assert docstring
    assert not docstring.startswith(f"{name}(")  # what dataclass writes by itself
