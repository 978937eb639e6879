"""What Keras says of a model that it cannot make, in one line."""

# What Keras puts before the reason: the class that it was making, and all of its configuration.
_BEFORE = "Exception encountered:"
_AFTER = "Full object config:"
# What comes in tf_keras of a layer whose class it has not found.
_UNKNOWN = "'str' object is not callable"


def one_line(text: str) -> str:
    """A text without line breaks and what else does not print, cut where it is long."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return f"{' '.join(printable.split()):.300}"


def complaint(error: Exception) -> str:
    """The kind of an error that Keras has raised and its reason, in one line.

    Keras makes a model by making its layers. What was wrong with the innermost is the reason; what
    the outer ones say of it, and configurations, are left out.
    """
    text = str(error).strip()
    first, reason = text.partition("\n")[0], text.rpartition(_BEFORE)[2]
    reason = (reason if _BEFORE in text else first).partition(_AFTER)[0]
    if _UNKNOWN in reason:
        reason += (
            ", as when the class of a layer is not registered by "
            "keras.saving.register_keras_serializable, or its module not imported"
        )
    return one_line(f"{type(error).__name__}: {reason}")
