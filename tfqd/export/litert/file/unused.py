"""What nothing in a TFLite file refers to any more, left out of it.

Rewriting operators leaves float weights and operator codes behind, in a format in
which all refer to each other by place in a list.
"""

from collections import Counter

import numpy as np

from tfqd.export.litert.file.building import Buffer
from tfqd.export.litert.file.schema import schema


def drop_unused(model) -> None:
    """Removes the tensors, operator codes and buffers of a `ModelT` that are not used."""
    for number, graph in enumerate(model.subgraphs):
        _drop_unused_tensors(model, number, graph)
    _drop_unused_codes(model)
    _drop_unused_buffers(model)


def blockwise(tensor):
    """The `BlockwiseQuantizationT` of a tensor, if it has one.

    Its tensors of scales and zero points are named by index; of zero points, there
    are none where that is 0 or less.
    """
    quantization = tensor.quantization
    kind = schema.QuantizationDetails.BlockwiseQuantization
    if quantization is None or quantization.detailsType != kind:
        return None
    return quantization.details


def _drop_unused_tensors(model, number: int, graph) -> None:
    named = [
        entry
        for definition in model.signatureDefs or []
        if definition.subgraphIndex == number
        for entry in (*(definition.inputs or []), *(definition.outputs or []))
    ]
    lists = [(graph, "inputs"), (graph, "outputs")]
    for operator in graph.operators:
        lists += [(operator, name) for name in ("inputs", "outputs", "intermediates")]
    used = {entry.tensorIndex for entry in named}
    used |= {int(i) for holder, name in lists for i in _indices(holder, name)} - {-1}
    blocks = [details for index in used if (details := blockwise(graph.tensors[index])) is not None]
    used |= {i for details in blocks for i in (details.scales, details.zeroPoints) if i > 0}
    places = {old: new for new, old in enumerate(sorted(used))} | {-1: -1}
    for holder, name in lists:
        if getattr(holder, name) is not None:
            moved = [places[int(i)] for i in _indices(holder, name)]
            setattr(holder, name, np.array(moved, np.int32))
    for entry in named:
        entry.tensorIndex = places[entry.tensorIndex]
    for details in blocks:
        details.scales = places[details.scales]
        details.zeroPoints = places.get(details.zeroPoints, -1)
    graph.tensors = [graph.tensors[old] for old in sorted(used)]
    for tensor in graph.tensors:
        if tensor.quantization is not None and _is_empty(tensor.quantization):
            tensor.quantization = None
        # It tells a scalar from a tensor of unknown rank.
        tensor.hasRank = tensor.hasRank and len(_indices(tensor, "shape")) == 0


def _drop_unused_codes(model) -> None:
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    # The most frequent one comes first: an index of 0 takes no room.
    uses = Counter(sorted(operator.opcodeIndex for operator in operators))
    kept = [index for index, _ in uses.most_common()]
    for operator in operators:
        operator.opcodeIndex = kept.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[index] for index in kept]


def _drop_unused_buffers(model) -> None:
    holders = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    holders += model.metadata or []
    # The first buffer is empty, and that of all tensors that are computed. Equal
    # constants share one.
    kept: dict[bytes, int] = {b"": 0}
    for holder in holders:
        data = model.buffers[holder.buffer].data
        content = b"" if data is None else bytes(data)
        holder.buffer = kept.setdefault(content, len(kept))
    model.buffers = [Buffer(content) for content in kept]
    # It lists buffers by their old places, and no reader needs it.
    model.metadataBuffer = None


def _is_empty(quantization) -> bool:
    lists = (quantization.scale, quantization.min, quantization.max)
    return quantization.details is None and all(each is None or len(each) == 0 for each in lists)


def _indices(holder, name: str):
    indices = getattr(holder, name)
    return [] if indices is None else indices
