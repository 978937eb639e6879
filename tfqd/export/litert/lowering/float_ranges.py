"""Functions of floats that kernels get wrong at the ends of their range, written another way.

TensorFlow's converter writes softplus as log(1 + exp(x)), which is infinite from 89 on; it is
max(x, 0) + log(1 + exp(-|x|)), which stays finite. XNNPACK takes NaN for the reciprocal root of
0, which normalizations bound by a constant from above: it is the sum under the root that is
bounded then, from below.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Op, Type
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.producers import drop_unread, producer

_SMALLEST = float(np.finfo(np.float32).tiny)


def widen_ranges(file: File) -> None:
    """Writes softplus and bounded reciprocal roots such that they are right for all floats.

    Args:
        file: a converted file; changed. Its integers stay as they are.
    """
    for graph in file.graphs:
        for operator in list(graph.operators):
            site = Site(file, graph, operator)
            widen = _WIDENED.get(site.code)
            if widen is not None and site.tensor(int(operator.outputs[0])).type == Type.FLOAT32:
                widen(site)


def _widen_softplus(site: Site) -> None:
    """Rewrites LOG(ADD(EXP(x), 1)); leaves any other logarithm."""
    (argument,) = map(int, site.operator.inputs)
    plus = _filled_by(site, argument, Op.ADD)
    if plus is None or plus.builtinOptions.fusedActivationFunction:
        return
    constant, computed = _constant_and_computed(site, plus)
    exponential = _filled_by(site, computed, Op.EXP)
    if exponential is None or constant is None or constant.size > 1 or constant != 1:
        return
    (x,), (y,) = map(int, exponential.inputs), map(int, site.operator.outputs)
    one = site.constant(np.array(1, np.float32))

    def write(code, inputs, options=None, output=None):
        new = site.computed_like(x, site.shape(x)) if output is None else output
        return site.add(code, inputs, new, options)

    small = write(Op.EXP, [write(Op.NEG, [write(Op.ABS, [x])])])
    rest = write(Op.LOG, [write(Op.ADD, [small, one], plus.builtinOptions)])
    write(Op.ADD, [write(Op.RELU, [x]), rest], plus.builtinOptions, y)
    site.finish()
    drop_unread(site.file, site.graph, argument, (Op.ADD, Op.EXP))


def _widen_reciprocal_root(site: Site) -> None:
    """Bounds x in MINIMUM(RSQRT(x), c) by what has a reciprocal root above c."""
    bound, computed = _constant_and_computed(site, site.operator)
    root = _filled_by(site, computed, Op.RSQRT)
    if root is None or bound is None or len(list(site.file.readers(site.graph, computed))) > 1:
        return
    highest = float(bound.max())
    if bound.min() <= 0 or computed in site.graph.outputs:
        return
    least = np.array(max(0.5 / highest**2, _SMALLEST), np.float32)
    (x,) = map(int, root.inputs)
    before = Site(site.file, site.graph, root)
    kept = before.computed_like(x, before.shape(x))
    before.add(Op.MAXIMUM, [x, before.constant(least)], kept)
    before.add(Op.RSQRT, [kept], computed)
    before.finish()


def _constant_and_computed(site: Site, operator) -> tuple[np.ndarray | None, int]:
    """The constant among two inputs, or None, and the place of the other one."""
    first, second = map(int, operator.inputs)
    constant = site.file.constant(site.tensor(first))
    if constant is not None:
        return constant, second
    return site.file.constant(site.tensor(second)), first


def _filled_by(site: Site, index: int, code: int):
    """The operator of a kind that fills a tensor; None where it is of another kind."""
    operator = producer(site.graph, index)
    return None if operator is None or site.file.code(operator) != code else operator


# By operator; some others, as those that import a table of words, have no outputs.
_WIDENED = {Op.LOG: _widen_softplus, Op.MINIMUM: _widen_reciprocal_root}
