"""What a command is, and what it gives back."""

from typing import Any, NamedTuple, Protocol

from absl import flags


class UsageError(Exception):
    """A command line that asks for something that does not exist."""


class Result(NamedTuple):
    """What a command has found.

    values: for machines, as JSON values.
    text: for people: a rich table or a text; None when the command has printed it.
    """

    values: dict[str, Any]
    text: Any = None


class Command(Protocol):
    """A module of `tfqd_command.commands`; its docstring is its help.

    ARGUMENTS: the names of its arguments.
    """

    @property
    def ARGUMENTS(self) -> tuple[str, ...]: ...

    def define_flags(self, values: flags.FlagValues) -> None:
        """Defines its flags."""

    def check(self, arguments: list[str], values: flags.FlagValues) -> None:
        """Raises UsageError for what can be told to be wrong without TensorFlow."""

    def run(self, arguments: list[str], values: flags.FlagValues) -> Result:
        """Does what it is for."""
