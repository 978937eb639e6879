"""The `tfqd` command.

It stands outside the package `tfqd`, whose import takes TensorFlow and so seconds:
help, the version and wrong command lines are answered without it. A command
imports what it needs when it runs.
"""
