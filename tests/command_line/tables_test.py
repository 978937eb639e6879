"""What the command line shows of what files hold."""

from rich.console import Console

from tfqd_command.tables import table


def test_names_reach_a_terminal_with_what_does_not_print_escaped():
    names = ("\x1b[31mred", "half\ud800", "two\nlines", "größe/kernel", "back\\slash")
    console = Console(width=200, record=True)
    console.print(table(("tensor", "bytes"), [(name, 1000) for name in names]))
    shown = console.export_text()
    for name in (r"\x1b[31mred", r"half\ud800", r"two\nlines", "größe/kernel", r"back\slash"):
        assert name in shown
    assert "\x1b" not in shown
