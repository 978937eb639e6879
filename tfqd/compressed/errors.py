"""The one error of everything that is wrong with a file."""


class ArchiveError(ValueError):
    """A `.tfqd` file that is damaged, truncated, forged or no archive at all."""
