"""What a TFLite file tells of itself: version, specs, probes and tolerances."""

import json
import zlib

import keras
import numpy as np
import pytest
from keras import layers
from served_models import CASES
from tflite_answers import exported

import tfqd
from tfqd.compressed import Probes
from tfqd.export.litert.checking.metadata import FACTS, read_facts, read_probes, sealed
from tfqd.export.litert.checking.stored_probes import described, restored
from tfqd.export.litert.file.flatbuffer import File, Op
from tfqd.spec import from_dict


def two_layers():
    return CASES["dense of 4 bits"]._replace(spec=tfqd.presets.deployable(4)).quantized()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file, and what came of writing it."""
    path = tmp_path_factory.mktemp("tflite") / "small.tflite"
    return path, tfqd.export.tflite(two_layers(), path)


def test_metadata_says_version_and_spec_of_each_weight(small):
    path, result = small
    facts = read_facts(File(path.read_bytes()))
    assert facts["version"] == tfqd.__version__
    assert [from_dict(spec) for spec in facts["specs"]] == [tfqd.presets.deployable(4)]
    expected = [[row.path, 0, "int4"] for row in result.report.weights]
    assert facts["weights"] == expected
    # As any reader of the format finds it.
    assert FACTS.encode() in path.read_bytes()
    readable = {name: facts[name] for name in ("version", "specs")}
    assert json.dumps(readable, separators=(",", ":")).encode() in path.read_bytes()


def test_probes_that_the_user_gives_come_back_from_the_file(tmp_path):
    x = np.random.default_rng(8).normal(size=(3, 20)).astype(np.float32)
    quantized = two_layers()
    tfqd.export.tflite(quantized, tmp_path / "m.tflite", probes=x, tolerance=0.07)
    probes, tolerance = read_probes(File((tmp_path / "m.tflite").read_bytes()))
    assert tolerance == 0.07
    np.testing.assert_array_equal(probes.inputs["features"], x)
    np.testing.assert_array_equal(probes.outputs["scores"], np.array(quantized(x)).reshape(-1))


@pytest.mark.parametrize(
    ("dtype", "bytes_each"),
    [("float32", 2), ("float16", 2), ("int32", 4), ("uint8", 1), ("bool", 1)],
)
@pytest.mark.parametrize("repeats", [True, False])
def test_probes_come_back_as_they_were(dtype, bytes_each, repeats):
    shape = (2, 9, 9, 3)
    numbers = np.random.default_rng(0).uniform(0, 4, 61 if repeats else 486).astype(np.float16)
    array = np.resize(numbers, shape).astype(dtype)
    if dtype == "bool":
        array = np.resize(numbers > 2, shape)
    elif dtype == "float32" and not repeats:
        array = array * np.float32(1.001)  # as float16 has no number
    outputs = {"y": np.arange(6, dtype=np.float32).reshape(2, 3)}
    description, numbers = described(Probes({"x": array}, outputs))
    again = restored(json.loads(json.dumps(description)), numbers)
    assert again.inputs["x"].dtype == dtype
    np.testing.assert_array_equal(again.inputs["x"], array)
    np.testing.assert_array_equal(again.outputs["y"], outputs["y"].reshape(-1))
    assert len(numbers) == (61 * bytes_each if repeats else array.nbytes) + 6 * 2


@pytest.mark.parametrize(("tolerance", "told"), [(None, False), (0.2, True)])
def test_unusual_tolerances_are_told(tolerance, told, tmp_path):
    model = keras.Sequential([keras.Input((6,), name="x"), layers.Dense(4)])
    path = tmp_path / "m.tflite"
    exported(model, path, tolerance=tolerance)
    assert tfqd.export.verify(path).tolerance == (tolerance or 0.1)
    _, _, deflated = metadata_of(path).partition(b"\n")
    assert (b'"tolerance"' in zlib.decompress(deflated)) == told


def metadata_of(path):
    file = File(path.read_bytes())
    (entry,) = file.model.metadata
    return bytes(file.model.buffers[entry.buffer].data)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"[]\n", lambda data: b"x"]
)
def test_damaged_metadata_is_an_error_that_says_so(damage, tmp_path):
    model = keras.Sequential([keras.Input((6,), name="x"), layers.Dense(4)])
    path = tmp_path / "m.tflite"
    exported(model, path)
    file = File(path.read_bytes())
    buffer = file.model.buffers[file.model.metadata[0].buffer]
    buffer.data = damage(bytes(buffer.data))
    path.write_bytes(sealed(file.to_bytes()))
    with pytest.raises(ValueError, match=r"m\.tflite is no export of tfqd, or damaged"):
        tfqd.export.verify(path)


def test_a_changed_index_or_byte_is_refused_before_a_runtime_sees_it(tmp_path):
    """An operator that takes another constant for its weight ends the process in LiteRT."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(2, 3)]
    quantized = tfqd.quantize_model(keras.Sequential(layers), tfqd.presets.deployable(8))
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(quantized, path)
    good = path.read_bytes()
    file = File(good)
    first, second = (o for o in file.graphs[0].operators if file.code(o) == Op.CONV_2D)
    first.inputs[1] = second.inputs[2]
    path.write_bytes(file.to_bytes())
    with pytest.raises(ValueError, match="its bytes do not match their SHA-256"):
        tfqd.export.verify(path)
    for place in np.random.default_rng(0).integers(0, len(good), 40):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(ValueError, match="damaged"):
            tfqd.export.verify(path)
