"""The project's sources, and what they import, read without importing them."""

import ast
import pathlib
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[1]


PACKAGES = ("tfqd", "tfqd_command")


def source_files() -> list[pathlib.Path]:
    """Every Python file of the packages."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def module_name(path: pathlib.Path) -> str:
    """The dotted name of a file of the packages."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of the package that a module belongs to: ``ops``, ``spec``, ...

    "tfqd" itself stands for the package's ``__init__``, "tfqd_command" for all of that package.
    """
    package, _, inside = module.partition(".")
    return inside.split(".")[0] if inside and package == "tfqd" else package


MODULES = {module_name(path): path for path in source_files()}


def imported_names(path: pathlib.Path) -> Iterator[str]:
    """The dotted names in a file's import statements, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import with its full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path: pathlib.Path) -> set[str]:
    """The modules of these packages that a file imports."""
    names = [name for name in imported_names(path) if name.split(".")[0] in PACKAGES]
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def imported_packages(path: pathlib.Path) -> set[str]:
    """The packages that a file imports from neither this one nor the standard library."""
    packages = {name.split(".")[0] for name in imported_names(path)}
    return packages - {*PACKAGES} - sys.stdlib_module_names
