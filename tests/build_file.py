"""The targets of the BUILD file, read by running it: Starlark is a part of Python."""

import dataclasses
import pathlib

from source_tree import ROOT


@dataclasses.dataclass(frozen=True)
class Target:
    """One rule of the BUILD file; files are relative to the root."""

    kind: str
    name: str
    srcs: tuple[str, ...]
    deps: frozenset[str]
    testonly: bool


def read_targets(build_file: pathlib.Path = ROOT / "BUILD") -> list[Target]:
    """The Python rules of a BUILD file, in its order."""
    targets = []

    def rule(kind):
        def declare(name, srcs, deps=(), testonly=kind == "py_test", **_):
            labels = frozenset(label.removeprefix(":") for label in deps)
            targets.append(Target(kind, name, tuple(srcs), labels, testonly))

        return declare

    def ignore(*_, **__):
        """Stands for a function of Bazel that declares no target."""

    scope = {kind: rule(kind) for kind in ("py_library", "py_binary", "py_test")}
    scope |= dict.fromkeys(("load", "package", "licenses", "exports_files"), ignore)
    scope |= {"glob": glob, "len": len, "__builtins__": {}}
    exec(compile(build_file.read_text(encoding="utf-8"), build_file, "exec"), scope)
    return targets


def glob(include, exclude=()) -> list[str]:
    """Bazel's glob: the files that match, in alphabetical order."""
    unwanted = {path for pattern in exclude for path in ROOT.glob(pattern)}
    wanted = {path for pattern in include for path in ROOT.glob(pattern)}
    return sorted(path.relative_to(ROOT).as_posix() for path in wanted - unwanted)
