"""What layers compute in, by one flag."""

from absl import flags

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def flag(default: str) -> flags.FlagHolder[str]:
    """`--precision`, the global policy of Keras to train and measure under."""
    told = "what layers compute in; weights are float32"
    return flags.DEFINE_enum("precision", default, list(PRECISIONS), told)
