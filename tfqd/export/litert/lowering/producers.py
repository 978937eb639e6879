"""Which operator fills a tensor, and taking out those whose tensors nothing reads."""

from collections.abc import Collection

from tfqd.export.litert.file.flatbuffer import File


def producer(graph, index: int | None):
    """The operator that fills a tensor; None for inputs, constants and what is left out."""
    return next((operator for operator in graph.operators if index in operator.outputs), None)


def drop_unread(file: File, graph, index: int, codes: Collection[int]) -> None:
    """Takes out the operator that fills a tensor that nothing reads, and so on up from it.

    Args:
        file: that has `graph`, which is changed.
        index: of the tensor.
        codes: the `Op` of operators that may go, as they do nothing but fill their outputs.
    """
    operator = producer(graph, index)
    if operator is None or file.code(operator) not in codes:
        return
    read = {int(i) for other in graph.operators for i in other.inputs}
    if (read | set(map(int, graph.outputs))).isdisjoint(map(int, operator.outputs)):
        graph.operators = [other for other in graph.operators if other is not operator]
        for source in dict.fromkeys(map(int, operator.inputs)):
            drop_unread(file, graph, source, codes)
