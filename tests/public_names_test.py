"""What users may call is described, and typed."""

import ast
import dataclasses
import inspect
import re
import types
import typing

import pytest
from source_tree import MODULES

import tfqd
import tfqd.distillation
from tfqd.compressed import Probes
from tfqd.spec.bucketing import Bucketing

PUBLIC = (
    tfqd,
    tfqd.allocation,
    tfqd.callbacks,
    tfqd.distillation,
    tfqd.evaluation,
    tfqd.export,
    tfqd.layers,
    tfqd.plot,
    tfqd.presets,
)
MOST_IGNORED = 9


def public_objects():
    """(name, object) of what users may call, and of the public parts of its classes."""
    for module in PUBLIC:
        for name in dir(module):
            value = getattr(module, name)
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
        and part not in ("get_config", "from_config")
        and (inspect.isfunction(value) or isinstance(value, property))
    ]


def test_what_is_not_for_users_is_not_listed():
    listed = dir(tfqd)
    rooms = {name for name in listed if isinstance(getattr(tfqd, name), types.ModuleType)}
    public = {module.__name__.rsplit(".", maxsplit=1)[-1] for module in PUBLIC}
    assert rooms == public - {"tfqd"} | {"tfmot"}
    assert {name for name in listed if name.startswith("_")} == {"__version__"}
    assert {*tfqd.__all__} == {*listed} - {"__version__", "tfmot"}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_all_that_is_there_for_users_is_listed(module):
    parts = [*ast.walk(ast.parse(inspect.getsource(module)))]
    imported = [name for part in parts if isinstance(part, ast.ImportFrom) for name in part.names]
    defined = {part.name for part in parts if isinstance(part, ast.FunctionDef)}
    names = defined | {name.asname for name in imported if name.asname}
    assert {name for name in names if not name.startswith("_")} == {*module.__all__}


@pytest.mark.parametrize("module", PUBLIC[1:], ids=lambda module: module.__name__)
def test_rooms_list_what_is_for_users_alone(module):
    assert dir(module) == sorted(module.__all__)
    assert not any(isinstance(getattr(module, name), types.ModuleType) for name in dir(module))


def test_what_is_not_listed_is_there_all_the_same():
    assert tfqd.wrapping.quantize_model is tfqd.quantize_model
    from_star = {}
    exec("from tfqd import *", from_star)
    assert {*tfqd.__all__} <= {*from_star}


def test_public_names_have_docstrings():
    docstrings = {name: inspect.getdoc(value) for name, value in public_objects()}
    undocumented = [
        name
        for name, docstring in docstrings.items()
        if not docstring or docstring.startswith(f"{name}(")  # what dataclass writes by itself
    ]
    assert undocumented == []


def functions():
    """(name, function) of what users may call: constructors, methods and properties too."""
    for name, value in public_objects():
        called = value.__init__ if inspect.isclass(value) else getattr(value, "fget", value)
        if inspect.isfunction(called) and called.__module__.split(".")[0] == "tfqd":
            yield name, called


def untyped(function):
    """What has no annotation, of the arguments and the result."""
    signature = inspect.signature(function)
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind not in free
        and parameter.name not in ("self", "cls")
        and parameter.annotation is parameter.empty
    ]
    has_result = function.__name__ != "__init__"
    if has_result and signature.return_annotation is signature.empty:
        found.append("the result")
    return found


def test_public_functions_are_typed():
    found = {name: untyped(function) for name, function in functions()}
    assert len(found) > 80
    assert {name: missing for name, missing in found.items() if missing} == {}


def classes_in(annotation):
    """The classes of tfqd in an annotation, and in the fields of those."""
    for part in typing.get_args(annotation):
        yield from classes_in(part)
    if inspect.isclass(annotation) and annotation.__module__.split(".")[0] == "tfqd":
        yield annotation
        if dataclasses.is_dataclass(annotation) or hasattr(annotation, "_fields"):
            for field in typing.get_type_hints(annotation).values():
                yield from classes_in(field)


def test_what_public_functions_give_has_a_public_name():
    public = {value for _, value in public_objects() if inspect.isclass(value)}
    given = {
        cls
        for name, function in functions()
        if "." not in name
        for cls in classes_in(inspect.signature(function).return_annotation)
    }
    assert given - public == {Bucketing, Probes}  # inside of `tfqd.CompressedModel`


def test_few_lines_are_hidden_from_the_type_checker():
    ignored = [
        comment
        for path in MODULES.values()
        for comment in re.findall(r"# type: ignore.*", path.read_text(encoding="utf-8"))
    ]
    assert all(re.match(r"# type: ignore\[[a-z-]+\]", comment) for comment in ignored)
    assert len(ignored) <= MOST_IGNORED
