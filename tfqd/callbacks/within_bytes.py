"""What trains a model to a number of bytes, chosen by that number alone."""

from typing import Any

from tfqd.allocation import OverBudget, allocate_bits
from tfqd.callbacks.byte_budget import ByteBudget
from tfqd.compressed.sizes import model_size
from tfqd.export.archive_file import archive_size_in_any_case
from tfqd.export.suiting_probes import suiting_probes
from tfqd.spec import EntropyConstrained, LearnedStep
from tfqd.spec.budget import parse_bytes
from tfqd.spec.selection import Selection
from tfqd.wrapping import compress, quantize_model


def within_bytes(
    model: Any, budget: int | str, *, data: Any = None, loss: Any = None, verbose: int = 1
) -> tuple[Selection, list[ByteBudget]]:
    """What to quantize a model to, and the callbacks that keep its archive to a budget.

    That is `tfqd.EntropyConstrained`, of 4 bits or where these cannot use the budget of 8,
    under `ByteBudget`, which warns where 8 cannot either. Where 8 bits a weight take no more
    than the budget whatever training makes of them, it is `tfqd.LearnedStep(bits=8)`, which
    needs no callback.

    With `data` training starts with the bits that `tfqd.allocate_bits` gives each tensor;
    without, all start with as many. The file is what `tfqd.save` makes without `probes`. Where
    the model needs them, as one of logarithms, they are the first two examples of `data`: give
    these to `tfqd.save`. Without `data` probes are not counted then.

    Args:
        model: a float model of Keras 3 or tf_keras; not changed.
        budget: bytes of the file that `tfqd.save` writes, without facts, or a text such
            as ``"26 kB"``.
        data: some hundred examples with their targets, as `tfqd.allocate_bits` takes them.
        loss: of the model, for `data`; None for the one that it was compiled with.
        verbose: 0 for silence, 1 for a line after each epoch.

    Returns:
        The spec, for `tfqd.quantize_model`, and the callbacks, for `fit`.

    Raises:
        TypeError, ValueError: for `data` and `loss`, as `tfqd.allocate_bits`.
        ValueError: when `budget` is no size. One that no file can keep to is refused by
            `fit`, with the least that is possible.

    Example:

    >>> spec, callbacks = tfqd.callbacks.within_bytes(model, "3 kB")
    >>> quantized = tfqd.quantize_model(model, spec)
    """
    wanted = parse_bytes(budget)
    most = quantize_model(model, EntropyConstrained(bits=4, average_bits=4))  # The shortest steps.
    probes = None
    if data is not None:
        probes, data = suiting_probes(most, data)
    callbacks = [ByteBudget(wanted, probes=probes, verbose=verbose)]
    if wanted <= archive_size_in_any_case(most, probes):
        return _allotted(model, wanted, EntropyConstrained(bits=4), data, loss), callbacks
    compressed = compress(quantize_model(model, LearnedStep(bits=8)))
    # In training codes may come to be all equally frequent.
    unused = 8 - model_size(compressed).entropy
    weights = sum(tensor.size for tensor in compressed.quantized.values())
    if wanted < archive_size_in_any_case(compressed, probes) + weights * unused / 8:
        return _allotted(model, wanted, EntropyConstrained(bits=8), data, loss), callbacks
    return LearnedStep(bits=8), []


def _allotted(model, wanted: int, spec: EntropyConstrained, data, loss) -> Selection:
    if data is None:
        return spec
    try:
        return allocate_bits(model, data, budget=wanted, spec=spec, loss=loss)
    except OverBudget:  # of whole bits; the callback goes below one
        return spec
