"""The rooms of the package, what they may import, and what importing it costs."""

import ast
import json
import os
import re
import subprocess
import sys
from typing import NamedTuple

import pytest
from source_tree import MODULES, ROOT, imported_modules, imported_names, imported_packages, room


class Rule(NamedTuple):
    """The rooms and the third-party packages that a room may import."""

    rooms: frozenset[str]
    packages: frozenset[str]


def rule(rooms: str = "", packages: str = "") -> Rule:
    return Rule(frozenset(rooms.split()), frozenset(packages.split()))


RULES = {
    "version": rule(),
    "extras": rule(),
    "spec": rule(),
    "ops": rule("spec", "numpy tensorflow"),
    "batches": rule("spec", "numpy tensorflow"),
    "compressed": rule("spec", "numpy constriction"),
    "quantizers": rule("compressed ops spec", "numpy tensorflow"),
    "report": rule("compressed", "rich"),
    "wrapping": rule(
        "batches extras quantizers compressed spec report",
        "numpy tensorflow keras tf_keras tensorflow_model_optimization",
    ),
    "calibration": rule("batches wrapping", "keras"),
    "distillation": rule("batches wrapping compressed spec", "numpy tensorflow keras"),
    "export": rule(
        "batches compressed extras wrapping spec version",
        "numpy tensorflow keras ai_edge_litert flatbuffers ml_dtypes safetensors",
    ),
    "shrinking": rule("export report spec wrapping", "keras numpy rich"),
    "allocation": rule(
        "batches extras wrapping export compressed quantizers report spec",
        "numpy tensorflow keras rich matplotlib",
    ),
    "callbacks": rule(
        "allocation batches extras wrapping export compressed quantizers ops spec",
        "numpy tensorflow keras tensorboard",
    ),
    "evaluation": rule("batches compressed export report spec wrapping", "numpy tensorflow rich"),
    "charts": rule("callbacks compressed evaluation wrapping", "numpy"),
    "plot": rule("callbacks charts evaluation extras", "matplotlib"),
    "page": rule("callbacks charts compressed evaluation export version"),
}

# The rooms of the TFLite writer, and those of them that each may import. What stands beside
# them there is above them.
TFLITE = "tfqd.export.litert."
TFLITE_SCHEMA = TFLITE + "file.schema"
TFLITE_BUILDING = TFLITE + "file.building"
TFLITE_RULES = {"file": set(), "lowering": {"file"}, "checking": {"file"}}

# The doors of the house: they may import every room, and no room imports them.
FRONT = {"tfqd", "layers", "sizing", "tfmot", "demo", "tfqd_command"}
OUTSIDE_WRAPPING = (RULES.keys() | FRONT) - {"wrapping"}

KERAS_INSIDES = re.compile(
    r"(keras\.src|keras\._tf_keras|tf_keras|tensorflow_model_optimization)\b"
)
NAMED_TUPLE_METHODS = {"_asdict", "_fields", "_make", "_replace"}
MAX_LINES = 300

IMPORT_TFQD = """
import json, os, sys, time
import tensorflow
before = set(sys.modules)
start = time.process_time()
import tfqd
seconds = time.process_time() - start
print(json.dumps({
    "seconds": seconds,
    "packages": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
    "legacy_keras": os.environ.get("TF_USE_LEGACY_KERAS"),
}))
"""


def import_in_a_fresh_process():
    # Seconds of the processor: other tests run beside this one.
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


def offences(find, rooms):
    """module -> what `find` has found in it, for the modules of `rooms` with any."""
    found = {module: find(module) for module in MODULES if room(module) in rooms}
    return {module: offence for module, offence in found.items() if offence}


def nodes(module, kind):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def foreign_rooms(module):
    own = room(module)
    return {room(name) for name in imported_modules(MODULES[module])} - {own, *RULES[own].rooms}


def foreign_packages(module):
    return imported_packages(MODULES[module]) - RULES[room(module)].packages


def tflite_room(module):
    """The room of a module of the TFLite writer; None for others."""
    return module.removeprefix(TFLITE).split(".")[0] if module.startswith(TFLITE) else None


def foreign_tflite_rooms(module):
    own = tflite_room(module)
    if own not in TFLITE_RULES:
        return set()
    imported = {tflite_room(name) for name in imported_modules(MODULES[module])}
    return imported - {own, None, *TFLITE_RULES[own]}


def insides_of_keras(module):
    names = [*imported_names(MODULES[module])]
    names += [ast.unparse(node) for node in nodes(module, ast.Attribute)]
    names += [
        ast.unparse(call.args[0]).strip("'")
        for call in nodes(module, ast.Call)
        if ast.unparse(call.func) in ("importlib.import_module", "import_module", "__import__")
    ]
    return {name for name in names if KERAS_INSIDES.match(name)}


def private_attributes_of_others(module):
    return {
        ast.unparse(node)
        for node in nodes(module, ast.Attribute)
        if re.match(r"_(?!_)", node.attr)
        and node.attr not in NAMED_TUPLE_METHODS
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    }


def questions_of_keras_version(module):
    """Tests of whether something is a model of Keras 3, which is for `version_of` to say."""
    return {
        ast.unparse(call)
        for call in nodes(module, ast.Call)
        if ast.unparse(call.func) in ("isinstance", "issubclass")
        and re.search(r"\bkeras\.(models\.)?Model\b", ast.unparse(call.args[1]))
    }


def too_many_lines(module):
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    return lines if lines > MAX_LINES else None


def test_every_room_has_a_rule():
    assert {room(module) for module in MODULES} <= RULES.keys() | FRONT


def test_rooms_may_import_only_rooms_before_them():
    rooms = [*RULES]
    later = {own: RULES[own].rooms - {*rooms[:place]} for place, own in enumerate(rooms)}
    assert {own: found for own, found in later.items() if found} == {}


def test_the_page_lists_the_rooms_in_this_order():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    *rows, doors = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert [row.strip(" `") for row in rows] == [*RULES]
    assert set(re.findall(r"`(\w+)`", doors)) == FRONT


def test_rooms_import_only_rooms_below_them():
    assert offences(foreign_rooms, RULES.keys()) == {}


def test_rooms_import_only_their_own_packages():
    assert offences(foreign_packages, RULES.keys()) == {}


def test_rooms_of_the_tflite_writer_import_one_way():
    assert {tflite_room(module) for module in MODULES} >= TFLITE_RULES.keys()
    assert offences(foreign_tflite_rooms, {"export"}) == {}


def test_one_module_imports_the_tflite_schema_and_one_builds_flatbuffers():
    def importing(pattern):
        return {
            name
            for name, path in MODULES.items()
            if any(re.search(pattern, imported) for imported in imported_names(path))
        }

    assert importing("schema_py_generated|flatbuffer_utils") == {TFLITE_SCHEMA}
    assert importing("^flatbuffers") == {TFLITE_BUILDING}


def test_only_wrapping_names_the_insides_of_keras():
    assert offences(insides_of_keras, OUTSIDE_WRAPPING) == {}


def test_only_wrapping_uses_private_attributes_of_others():
    assert offences(private_attributes_of_others, OUTSIDE_WRAPPING) == {}


def test_only_wrapping_asks_which_keras_a_model_is_of():
    assert offences(questions_of_keras_version, OUTSIDE_WRAPPING) == {}


def test_files_are_short():
    assert offences(too_many_lines, RULES.keys() | FRONT) == {}


def test_import_adds_at_most_half_a_second_to_tensorflow(first_import):
    seconds = [first_import["seconds"]]
    while min(seconds) >= 0.5 and len(seconds) < 3:
        seconds.append(import_in_a_fresh_process()["seconds"])
    assert min(seconds) < 0.5


def test_import_leaves_optional_packages_alone(first_import):
    optional = {
        "ai_edge_litert",
        "matplotlib",
        "sklearn",
        "tensorboard",
        "tensorflow_model_optimization",
        "tf_keras",
    }
    assert optional.isdisjoint(first_import["packages"])


def test_import_leaves_the_users_keras_alone(first_import):
    assert first_import["legacy_keras"] is None
