"""``python -m tfqd_command``: the same as ``tfqd``."""

from tfqd_command.main import run

if __name__ == "__main__":
    run()
