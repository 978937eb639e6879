"""Names of layers, variables, metrics and files are shown as they are, never as rich's markup."""

import types

import pytest

from tfqd.allocation.allocation import Allocation, Share
from tfqd.evaluation.evaluation import Evaluation
from tfqd.quantizers import quantizer_for
from tfqd.report import KernelCompute, ModelCompute, activations_table, variables_table
from tfqd.shrinking import Shrunk
from tfqd.spec import Uniform
from tfqd.wrapping.shrunk import LayerChannels

NAME = "a[v2][/tmp]:smile:"


class OfMarkup(Uniform):
    """A method with such a name."""

    kind = NAME


def compute():
    return ModelCompute([KernelCompute(NAME, NAME, 8, 4, 32)], {"Layer": [NAME]})


def shrunk():
    return Shrunk(None, [LayerChannels(NAME, 3, 3, f"{NAME} reads it")])


def allocation():
    return Allocation([Share(NAME, 8, OfMarkup(bits=4))])


def variables():
    quantizer = quantizer_for(Uniform(bits=4))
    quantizer.spec = OfMarkup(bits=4)
    variable = types.SimpleNamespace(shape=(10, 100))
    entry = types.SimpleNamespace(path=NAME, variable=variable, quantizer=quantizer)
    return variables_table([entry])


def activations():
    quantizer = types.SimpleNamespace(bits=8)
    entry = {"name": NAME, "covered": [NAME], "reason": f"as {NAME} has it"}
    return activations_table([types.SimpleNamespace(quantizer=quantizer, ends=None, **entry)])


def evaluation():
    values, compiled = {NAME: {"accuracy": 0.5}}, {NAME: {NAME: 1.0}}
    return Evaluation(NAME, values, {}, {}, compiled, {NAME: f"of {NAME}"}, 1)


@pytest.mark.parametrize(
    ("made", "times"),
    [(compute, 3), (shrunk, 2), (allocation, 2), (variables, 2), (activations, 3), (evaluation, 5)],
)
def test_tables_show_names_as_they_are(made, times):
    assert str(made()).count(NAME) == times
