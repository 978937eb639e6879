"""Help and version are there at once, without TensorFlow."""

import subprocess
import sys
import time

import pytest
from command import tfqd

import tfqd as package
from tfqd_command.main import COMMANDS

IMPORTED = (
    "import sys, tfqd_command.main; tfqd_command.main.main(['--help']); print(*sorted(sys.modules))"
)


def fastest_of(attempts, *arguments):
    seconds = []
    for _ in range(attempts):
        start = time.perf_counter()
        assert tfqd(*arguments).returncode == 0
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_takes_less_than_half_a_second(flag):
    assert fastest_of(5, flag) < 0.5


def test_imports_nothing_heavy():
    run = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True)
    modules = set(run.stdout.splitlines()[-1].split())
    assert "tfqd_command.commands.verify" in modules
    assert modules.isdisjoint({"tfqd", "tensorflow", "keras", "numpy", "rich"})


def test_version_is_that_of_the_package():
    assert tfqd("--version").stdout == f"tfqd {package.__version__}\n"


def test_help_names_every_command():
    for words in (["--help"], ["-h"], ["help"]):
        printed = tfqd(*words)
        assert (printed.returncode, printed.stderr) == (0, "")
        for command in COMMANDS:
            assert f"\n  {command}  " in printed.stdout


@pytest.mark.parametrize("command", ["compress", "convert"])
def test_what_may_be_written_is_in_the_help(command):
    printed = tfqd(command, "--help").stdout
    for ending in (".tfqd", ".tflite", ".keras", ".safetensors", "in /"):
        assert ending in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(command):
    printed = tfqd(command, "--help")
    assert (printed.returncode, printed.stderr) == (0, "")
    usage, _, rest = printed.stdout.partition("\n")
    assert usage.startswith(f"usage: tfqd {command} ")
    assert "--json" in rest
    assert max(map(len, printed.stdout.splitlines())) <= 100
