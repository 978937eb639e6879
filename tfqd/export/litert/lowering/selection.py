"""Choices between integers, for readers that have SELECT for floats alone."""

from tfqd.export.litert.file.flatbuffer import File, Op, Type
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import Site

_SELECTS = (Op.SELECT, Op.SELECT_V2)


def choose_by_arithmetic(file: File) -> None:
    """Writes each choice of int32 as no + condition (yes - no), which is the same in int32.

    Keras 3 has one in front of every Embedding, which counts negative indices back.

    Args:
        file: changed.
    """
    for graph in file.graphs:
        for operator in list(graph.operators):
            code = file.code(operator)
            if code in _SELECTS and graph.tensors[operator.outputs[0]].type == Type.INT32:
                _rewrite(Site(file, graph, operator))


def _rewrite(site: Site) -> None:
    condition, yes, no = map(int, site.operator.inputs)
    y = int(site.operator.outputs[0])
    chosen = site.computed(site.shape(condition), Type.INT32)
    site.add(Op.CAST, [condition], chosen, schema.CastOptionsT())
    difference, change = (site.computed(site.shape(y), Type.INT32) for _ in range(2))
    site.add(Op.SUB, [yes, no], difference, schema.SubOptionsT())
    site.add(Op.MUL, [chosen, difference], change, schema.MulOptionsT())
    site.add(Op.ADD, [no, change], y, schema.AddOptionsT())
    site.finish()
