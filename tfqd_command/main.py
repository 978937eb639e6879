"""The command line: ``tfqd COMMAND [ARGUMENTS] [--flags]``.

Exit status 0 is good, 1 is a command that failed, 2 a wrong command line, 130 an
interruption. Every error is one line on standard error; ``--debug`` shows the stack.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import runpy
import sys
import textwrap
import traceback
from collections.abc import Sequence

from absl import flags

from tfqd_command.command import Command, Result, UsageError
from tfqd_command.commands import (
    compress,
    convert,
    demo,
    evaluate,
    inspect,
    report,
    sizes,
    verify,
)
from tfqd_command.starting import started

COMMANDS: dict[str, Command] = {
    "compress": compress,
    "inspect": inspect,
    "sizes": sizes,
    "convert": convert,
    "verify": verify,
    "evaluate": evaluate,
    "report": report,
    "demo": demo,
}
_HELP = ("-h", "--help", "help")
_LONGEST_ERROR = 600


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """Runs one command.

    Args:
        words: the command and its arguments.

    Returns:
        The exit status.
    """
    debug = "--debug" in words
    try:
        return _run([*words])
    except (UsageError, flags.Error) as error:
        return _fail(error, 2, debug)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", 130, debug)
    except BrokenPipeError:  # `tfqd inspect FILE | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError, TypeError, ImportError) as error:
        return _fail(error, 1, debug)
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error} (--debug shows the stack)", 1, debug)


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"tfqd {_version()}")
        return 0
    if any(word in _HELP for word in words):
        named = next((word for word in words if word in COMMANDS), None)
        print(_help(named) if named else _usage())
        return 0
    command, arguments, values = parsed(words)
    command.check(arguments, values)
    _print(_result(command, arguments, values), values.json)
    return 0


def parsed(words: list[str]) -> tuple[Command, list[str], flags.FlagValues]:
    """The command, its arguments and its flags.

    Raises:
        UsageError, flags.Error: when there are no such ones.
    """
    name = next((word for word in words if not word.startswith("-")), None)
    if name not in COMMANDS:
        got = "" if name is None else f"; got {name}"
        raise UsageError(f"expected a command, one of: {', '.join(COMMANDS)}{got}")
    words = [word for place, word in enumerate(words) if place != words.index(name)]
    command, values = COMMANDS[name], _flags(COMMANDS[name])
    _, *arguments = values([name, *words])
    if len(arguments) != len(command.ARGUMENTS):
        got = f"{len(arguments)}: {' '.join(arguments)}" if arguments else "none"
        expected = " and ".join(command.ARGUMENTS) or "no arguments"
        raise UsageError(f"{name} expects {expected}; got {got}")
    return command, arguments, values


def _result(command: Command, arguments: list[str], values: flags.FlagValues) -> Result:
    # With --json standard output is for the one object alone.
    aside = contextlib.redirect_stdout(sys.stderr) if values.json else contextlib.nullcontext()
    with aside, started(debug=values.debug):
        return command.run(arguments, values)


def _print(result: Result, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.values))
    elif result.text is not None:
        from rich.console import Console

        # A pipe has no width that long names should be broken for.
        console = Console(width=None if sys.stdout.isatty() else 10_000)
        console.print(result.text, markup=False, emoji=False, highlight=False)


def _flags(command: Command) -> flags.FlagValues:
    values = flags.FlagValues()
    command.define_flags(values)
    flags.DEFINE_bool("json", False, "print one JSON object instead of text", flag_values=values)
    flags.DEFINE_bool("debug", False, "show the stack of an error", flag_values=values)
    return values


def _usage() -> str:
    summaries = {name: _doc(command).partition("\n")[0] for name, command in COMMANDS.items()}
    lines = [f"  {name:<10}{summary}" for name, summary in summaries.items()]
    return "\n".join(
        [
            "usage: tfqd COMMAND [ARGUMENTS] [--flags]",
            "       tfqd COMMAND --help",
            "       tfqd --version",
            "",
            "commands:",
            *lines,
        ]
    )


def _help(name: str) -> str:
    command = COMMANDS[name]
    own = _flags(command)
    lines = []
    for flag in (own[key] for key in own):
        lines.append(f"  --{flag.name}{'' if flag.boolean else '=' + _shown(flag.default)}")
        lines += textwrap.wrap(flag.help, 90, initial_indent=" " * 6, subsequent_indent=" " * 6)
    usage = " ".join(["usage: tfqd", name, *command.ARGUMENTS, "[--flags]"])
    return "\n".join([usage, "", _doc(command), "", "flags:", *lines])


def _shown(default) -> str:
    return "..." if default in (None, []) else str(default)


def _doc(command: Command) -> str:
    return (command.__doc__ or "").strip()


def _version() -> str:
    """The version, read without importing tfqd and so TensorFlow."""
    spec = importlib.util.find_spec("tfqd")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("tfqd is not installed", name="tfqd")
    folder = pathlib.Path(spec.origin).parent
    return runpy.run_path(str(folder / "version.py"))["__version__"]


def _fail(error, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    message = " ".join(str(error).split())
    if len(message) > _LONGEST_ERROR:
        message = f"{message[:_LONGEST_ERROR]}..."
    print(f"tfqd: {message}", file=sys.stderr)
    return status
