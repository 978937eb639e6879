"""Every tensor of a TFLite file has a name of its own; readers other than runtimes need it."""

import keras
import pytest
from served_models import CASES

import tfqd
from tfqd.export.litert.file.flatbuffer import File, empty_file
from tfqd.export.litert.file.schema import schema


def named(file):
    """(subgraph, tensor) -> name."""
    return {
        (number, index): tensor.name
        for number, graph in enumerate(file.graphs)
        for index, tensor in enumerate(graph.tensors)
    }


def signature_entries(file):
    (definition,) = file.model.signatureDefs
    return [*definition.inputs, *definition.outputs]


@pytest.mark.parametrize("case", ["dense of 4 bits", "several inputs, mixed", "recurrent"])
def test_names_are_unique_and_short_but_for_those_of_the_signature(case, tmp_path):
    keras.utils.set_random_seed(0)
    path = tmp_path / "m.tflite"
    batch_size = 2 if case == "recurrent" else None  # which becomes loops, graphs of their own
    tfqd.export.tflite(CASES[case].quantized(), path, batch_size=batch_size, tolerance=10.0)
    file = File(path.read_bytes())
    names = named(file)
    ends = {(0, entry.tensorIndex): entry.name for entry in signature_entries(file)}
    assert {name.decode() for name in ends.values()} == {*CASES[case].inputs, *CASES[case].outputs}
    assert {place: names[place] for place in ends} == ends
    assert len(set(names.values())) == len(names)
    others = sorted(int(name) for place, name in names.items() if place not in ends)
    assert others == list(range(len(names) - len(ends)))


def entry(name, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def test_a_signature_may_use_a_number_and_a_name_twice():
    file = empty_file()
    graph = file.graphs[0]
    graph.tensors = [schema.TensorT() for _ in range(4)]
    graph.inputs, graph.outputs = [0, 1], [2, 3]
    (definition,) = file.model.signatureDefs
    definition.inputs, definition.outputs = (
        [entry(b"0", 0), entry(b"x", 1)],
        [entry(b"x", 2), entry(b"y", 3)],
    )
    graph.tensors[1].name = b"in:x"
    file.shorten_names()
    assert list(named(file).values()) == [b"0", b"in:x", b"1", b"y"]
