"""Entry point of the BUILD file's tests, which Bazel runs as plain programs."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]]))
