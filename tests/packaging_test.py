"""The sdist holds the project, the wheel the packages, and neither the machine they come from."""

import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from source_tree import PACKAGES, ROOT, imported_modules, source_files

METADATA = re.compile(r"tfqd-[^/]+\.dist-info/")
# What setuptools adds to an sdist.
ADDED = re.compile(r"PKG-INFO$|setup\.cfg$|tfqd\.egg-info/")

HOSTS = {"arxiv.org", "semver.org", "www.apache.org", "www.w3.org"}
HOST = re.compile(r"\b(?:[\w-]+\.)+(?:ai|com|corp|dev|internal|lan|net|org)\b")
MACHINE = re.compile(
    r"(?<![\w.$*-])/(?:home|mnt|opt|root|tmp|Users|work|workspace)/"  # somebody's folders
    r"|(?:https?|ssh)://(?!localhost\b)[\w-]+[:/]"  # a host without a domain
    r"|\b(?:\d{1,3}\.){3}\d{1,3}\b"  # an address
    r"|--(?:extra-index|find|index|trusted)-(?:host|links|url)\b"  # where pip looks
)

GIT = (ROOT / ".git").exists() and shutil.which("git")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The sdist that setuptools makes of a copy of the project."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sdist")
    unwanted = shutil.ignore_patterns(
        ".git", ".*cache", ".hypothesis", ".venv*", "__pycache__", "*.egg-info", "bazel-*", "build"
    )
    shutil.copytree(ROOT, source, ignore=unwanted, dirs_exist_ok=True)
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", output]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(output.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def project(sdist):
    """name -> text of the files in the sdist that are the project's own."""
    with tarfile.open(sdist) as archive:
        files = {
            member.name.partition("/")[2]: archive.extractfile(member).read().decode()
            for member in archive
            if member.isfile()
        }
    return {name: text for name, text in files.items() if not ADDED.match(name)}


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel that pip makes of the sdist."""
    output = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", output, sdist], check=True, capture_output=True)
    with zipfile.ZipFile(next(output.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def git_files(*options):
    """The files of the checkout that git lists and that are there."""
    command = [GIT, "ls-files", *options]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).exists()}


@pytest.mark.skipif(not GIT, reason="not a checkout that git reads")
def test_sdist_holds_what_git_tracks_and_nothing_that_it_ignores(project):
    assert git_files() - project.keys() == {".gitignore"}
    assert project.keys() - git_files("--cached", "--others", "--exclude-standard") == set()


def test_sdist_holds_every_part(project):
    folders = {name.partition("/")[0] for name in project if "/" in name}
    assert folders == {".ci", "benchmarks", "docs", "examples", "tests", *PACKAGES}
    assert project.keys() >= {"BUILD", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"}


def test_wheel_holds_the_packages_and_nothing_else(wheel):
    files = {name for name in wheel.namelist() if not METADATA.match(name)}
    sources = {path.relative_to(ROOT).as_posix() for path in source_files()}
    assert files == sources | {"tfqd/page/page.css", "tfqd/py.typed"}


def test_wheel_holds_every_module_that_its_modules_import(wheel, tmp_path):
    wheel.extractall(tmp_path)
    files = [path for package in PACKAGES for path in (tmp_path / package).rglob("*.py")]
    imported = set().union(*map(imported_modules, files))
    assert len(imported) > 100
    paths = [tmp_path.joinpath(*module.split(".")) for module in sorted(imported)]
    missing = [
        path
        for path in paths
        if not path.with_suffix(".py").exists() and not (path / "__init__.py").exists()
    ]
    assert missing == []


def test_metadata_describes_the_project(metadata):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata.get_payload(decode=True).decode().strip() == readme.strip()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Author"] == "The tfqd developers"
    assert "quantization" in metadata["Keywords"].split(",")
    assert metadata.get_all("Project-URL") is None


def test_classifiers_are_the_pythons_that_may_install_it(metadata):
    versions = re.findall(r"Python :: 3\.(\d+)", "\n".join(metadata.get_all("Classifier")))
    lowest = re.search(r">=3\.(\d+)", metadata["Requires-Python"])[1]
    above = re.search(r"<3\.(\d+)", metadata["Requires-Python"])[1]
    assert [*map(int, versions)] == [*range(int(lowest), int(above))]


def test_readme_names_every_extra(metadata, project):
    section = re.search(r"^## Extras\n(.+?)^## ", project["README.md"], re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`.+?) \|", section[1], re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(named) == sorted(metadata.get_all("Provides-Extra"))


def test_every_extra_that_is_named_exists(metadata, project):
    named = {
        extra
        for text in project.values()
        for group in re.findall(r"(?:tfqd|'\.)\\?\[([a-z, ]+)\\?\]'", text)
        for extra in re.split(r", *", group)
    }
    named |= set(re.findall(r"\$\(VENV\)/(\w+)\.stamp", project["Makefile"]))
    assert named >= {"demo", "dev", "plot", "tfmot", "tflite"}
    assert named - set(metadata.get_all("Provides-Extra")) == set()


def test_no_file_names_a_machine_or_an_unknown_host(project):
    found = {
        name: [*MACHINE.findall(text), *{*HOST.findall(text)} - HOSTS]
        for name, text in project.items()
    }
    assert {name: names for name, names in found.items() if names} == {}
