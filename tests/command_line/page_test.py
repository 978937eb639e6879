"""The commands of the pages are command lines that exist."""

import pytest
from source_tree import ROOT

from tfqd_command.main import COMMANDS, parsed

PAGES = ["README.md", "docs/cli.md", "docs/index.md"]
LINES = [
    line.split()[1:]
    for page in PAGES
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
    if line.startswith("    tfqd ") and "COMMAND" not in line
]


def test_there_are_examples_of_most_commands():
    assert {line[0] for line in LINES} >= COMMANDS.keys() - {"demo", "verify"}


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_command_of_a_page_is_one_of_ours(line):
    command, arguments, values = parsed([*line])
    command.check(arguments, values)


def test_the_page_has_every_command():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        assert f"| `{' '.join([name, *command.ARGUMENTS])}` |" in page
