import pytest
from command import tfqd

from tfqd import cli


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "expected a command, one of: demo, verify"),
        (["compress"], 2, "expected a command, one of: demo, verify; got compress"),
        (["verify"], 2, "verify expects 1 argument, got 0"),
        (["demo", "extra"], 2, "demo expects 0 arguments, got 1: extra"),
        (["demo", "--seed=-1"], 2, "flag --seed=-1"),
        (["demo", "--sed=1"], 2, "Unknown command line flag 'sed'"),
        (["verify", "no/such/file.tfqd"], 1, "no/such/file.tfqd"),
    ],
)
def test_an_error_is_one_line_and_a_status(arguments, status, message, capsys):
    assert cli.main(["tfqd", *arguments]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("tfqd: ")
    assert message in line


def test_the_console_script_exits_with_the_status_and_only_our_line():
    result = tfqd("compress")
    assert result.returncode == 2
    expected = "tfqd: expected a command, one of: demo, verify; got compress\n"
    assert (result.stdout, result.stderr) == ("", expected)


def test_help_names_every_command_and_flag():
    result = tfqd("--help")
    assert result.returncode == 0
    for word in ("demo", "verify", "--output", "--seed"):
        assert word in result.stdout
    assert result.stderr == ""


def test_a_file_in_place_of_the_output_folder_is_an_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["tfqd", "demo", f"--output={tmp_path / 'file'}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "file" in line


def test_a_damaged_file_does_not_verify(tmp_path, capsys):
    (tmp_path / "m.tfqd").write_bytes(b"no archive")
    assert cli.main(["tfqd", "verify", str(tmp_path / "m.tfqd")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tfqd: ")
