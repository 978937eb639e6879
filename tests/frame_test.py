"""BUILD, setup.py and the other files around the package agree with the package."""

import collections
import graphlib
import re
import runpy

import pytest
import setuptools
from build_file import read_targets
from source_tree import MODULES, ROOT, imported_modules, imported_packages, source_files

import tfqd

TARGETS = read_targets()
PRODUCTS = [target for target in TARGETS if not target.testonly]
FILE_OWNERS = collections.defaultdict(list)
for target in PRODUCTS:
    for file in target.srcs:
        FILE_OWNERS[file].append(target.name)

DISTRIBUTIONS = {
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "ml_dtypes": "ml-dtypes",
    "sklearn": "scikit-learn",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tf_keras": "tf-keras",
}


def relative(path):
    return path.relative_to(ROOT).as_posix()


def package_files():
    """Every file of Python that is installed."""
    return {relative(path) for path in source_files()}


def names(requirements):
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


@pytest.fixture(scope="module")
def packaging():
    """The arguments with which setup.py calls ``setup``."""
    recorded = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", lambda **arguments: recorded.update(arguments))
        runpy.run_path(str(ROOT / "setup.py"))
    return recorded


def test_no_two_files_of_tests_have_one_name():
    """Of two pytest would import the first alone, and stop."""
    counts = collections.Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert {name for name, count in counts.items() if count > 1} <= {"conftest.py"}


def test_every_source_file_is_in_exactly_one_target():
    owners = {file: FILE_OWNERS[file] for file in package_files()}
    assert [file for file, targets in owners.items() if len(targets) != 1] == []


@pytest.mark.parametrize("target", PRODUCTS, ids=lambda target: target.name)
def test_deps_are_what_the_sources_import(target):
    imported = set().union(*(imported_modules(ROOT / file) for file in target.srcs))
    owners = {owner for module in imported for owner in FILE_OWNERS[relative(MODULES[module])]}
    assert target.deps == owners - {target.name}


def test_deps_have_no_circle():
    graph = {target.name: target.deps for target in TARGETS}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == graph.keys()


def test_every_test_file_has_a_bazel_test():
    files = [relative(path) for path in (ROOT / "tests").rglob("*_test.py")]
    tested = [target.srcs[0] for target in TARGETS if target.kind == "py_test"]
    assert sorted(tested) == sorted(files)


def test_every_imported_package_is_declared(packaging):
    extras = packaging["extras_require"]["all"]
    declared = names([*packaging["install_requires"], *extras])
    imported = set().union(*(imported_packages(path) for path in source_files()))
    assert {DISTRIBUTIONS.get(package, package) for package in imported} <= declared


def test_cpu_requirements_follow_setup(packaging):
    lines = (ROOT / "requirements-cpu.txt").read_text().splitlines()
    listed = names(line for line in lines if not line.startswith("#"))
    needed = names(packaging["install_requires"]) - {"tensorflow"} | {"tensorflow-cpu"}
    of_tfmot_and_tf_keras = {"dm-tree", "scipy", "six"}
    assert listed == needed | of_tfmot_and_tf_keras


def test_version_is_the_newest_of_the_changelog(packaging):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)[1]
    assert packaging["version"] == tfqd.__version__ == newest


def test_console_script_names_a_function(packaging):
    script = packaging["entry_points"]["console_scripts"][0]
    module, function = re.fullmatch(r"tfqd = ([\w.]+):(\w+)", script).groups()
    source = MODULES[module].read_text(encoding="utf-8")
    assert re.search(rf"^def {function}\(", source, re.MULTILINE)


def test_ci_runs_lint_the_tests_and_the_packaging():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for target in ("dist", "docs", "lint", "test"):
        assert re.search(rf"^make .*\b{target}\b", script, re.MULTILINE)
