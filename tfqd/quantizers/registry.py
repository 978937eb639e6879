"""Which quantizer carries out which spec; the door for those from outside."""

from tfqd.quantizers.base import Quantizer
from tfqd.spec import Spec, register_kind

_QUANTIZERS: dict[type[Spec], type[Quantizer]] = {}


def register(spec: type[Spec], quantizer: type[Quantizer]) -> None:
    """Makes a quantization method of your own known, so that it works wherever tfqd's do.

    Models are quantized by it and trained; archives, SavedModels, TFLite files and
    size reports need nothing else, as they know codes, scales and points alone. Who
    loads a file as a quantized model calls `register` first.

    Args:
        spec: a frozen dataclass derived from `tfqd.Spec`, with a `kind` of its own,
            its name in files.
        quantizer: a class derived from `tfqd.Quantizer`, made of a spec and the axes
            of the output channel.

    Raises:
        TypeError: for other classes.
        ValueError: when the spec has no kind of its own, or another class has that kind.
    """
    if not (isinstance(quantizer, type) and issubclass(quantizer, Quantizer)):
        raise TypeError(f"quantizer must be a class derived from tfqd.Quantizer; got {quantizer!r}")
    register_kind(spec)
    _QUANTIZERS[spec] = quantizer


def quantizer_for(spec: Spec, channel_axes: tuple[int, ...] = (-1,)) -> Quantizer:
    """The quantizer that does what `spec` says.

    Args:
        spec: a spec of a registered class.
        channel_axes: axes of the weight tensor that index its output channel.

    Raises:
        ValueError: when no quantizer is registered for the class.
    """
    quantizer = _QUANTIZERS.get(type(spec))
    if quantizer is None:
        raise ValueError(
            f"no quantizer is registered for {type(spec).__name__}; call "
            f"tfqd.register({type(spec).__name__}, its quantizer's class) first"
        )
    return quantizer(spec, channel_axes)


def registered_quantizers() -> list[type[Quantizer]]:
    """All classes of quantizers, tfqd's own and others'."""
    return list(dict.fromkeys(_QUANTIZERS.values()))
