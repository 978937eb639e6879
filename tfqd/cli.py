"""The command line: ``tfqd COMMAND [ARGUMENTS] [--flags]``.

Every error is one line on standard error and a non-zero exit status: 2 for a
wrong command line, 1 for a command that failed.
"""

import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import flags
from rich.console import Console

_OUTPUT = flags.DEFINE_string("output", "tfqd_demo", "demo: folder for the results.")
_SEED = flags.DEFINE_integer("seed", 0, "demo: seed of data split, weights and batches.", 0)


class UsageError(Exception):
    """A command line that asks for something that does not exist."""


def _demo(arguments: Sequence[str]) -> None:
    """demo: distil and quantize a digit classifier, print a table (under 3 minutes)."""
    _expect("demo", arguments, 0)
    if not _OUTPUT.value:
        raise UsageError("--output must name a folder; got an empty text")
    try:
        from tfqd import demo
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise UsageError("the demo needs scikit-learn: pip install 'tfqd[demo]'") from error
    demo.run(pathlib.Path(_OUTPUT.value), Console(), _SEED.value)


def _verify(arguments: Sequence[str]) -> None:
    """verify FILE: run an exported file on its probes and compare the answers."""
    (path,) = _expect("verify", arguments, 1)
    from tfqd import export

    result = export.verify(path)
    print(
        f"{path} agrees with the model it was made from: largest difference "
        f"{result.largest_difference:.2g} of the largest output, at most {result.tolerance:.2g}"
    )


_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"demo": _demo, "verify": _verify}


def main(argv: Sequence[str]) -> int:
    """Runs one command.

    Args:
        argv: the program's name, the command and its arguments.

    Returns:
        The exit status.
    """
    try:
        _, *words = flags.FLAGS([*argv], known_only=False)
        if not words or words[0] not in _COMMANDS:
            got = f"; got {words[0]}" if words else ""
            raise UsageError(f"expected a command, one of: {', '.join(_COMMANDS)}{got}")
        _COMMANDS[words[0]](words[1:])
    except (UsageError, flags.Error) as error:
        return _fail(error, 2)
    except (OSError, ValueError, TypeError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def run() -> None:
    """The console script."""
    if any(argument in ("-h", "--help", "help") for argument in sys.argv[1:]):
        print(_usage())
        sys.exit(0)
    sys.exit(main(sys.argv))


def _usage() -> str:
    commands = "\n".join(f"  {command.__doc__}" for command in _COMMANDS.values())
    own = flags.FLAGS.get_flags_for_module(__name__)
    options = "\n".join(f"  --{flag.name}={flag.default}  {flag.help}" for flag in own)
    return f"usage: tfqd COMMAND [--flags]\n\ncommands:\n{commands}\n\nflags:\n{options}"


def _expect(command: str, arguments: Sequence[str], count: int) -> Sequence[str]:
    if len(arguments) != count:
        expected = f"{count} argument{'' if count == 1 else 's'}"
        got = f"{len(arguments)}: {' '.join(arguments)}" if arguments else "0"
        raise UsageError(f"{command} expects {expected}, got {got}")
    return arguments


def _fail(error, status: int) -> int:
    print(f"tfqd: {' '.join(str(error).split())}", file=sys.stderr)
    return status
