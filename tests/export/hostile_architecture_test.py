"""Archives whose architecture and tensors do not go together, or whose layers take memory."""

import contextlib
import copy
import dataclasses
import json
import re
import resource
import zipfile

import keras
import pytest
import tf_keras

import tfqd
from tfqd.compressed import ArchiveError, read_archive, write_archive
from tfqd_command.main import main


def quantized(version, shape=(4,), *layers):
    wide = version.layers.Dense(3, name="wide")
    model = version.Sequential([version.Input(shape), wide, *layers])
    return tfqd.quantize_model(model, tfqd.Uniform(bits=4))


def write_changed(model, path, change):
    """The archive of a model, probes and all, with another architecture."""
    tfqd.save(model, path)
    saved = read_archive(path)
    assert saved.probes.inputs
    changed = dataclasses.replace(saved, architecture=change(copy.deepcopy(saved.architecture)))
    write_archive(changed, path)


def replaced(old, new):
    def change(architecture):
        text = json.dumps(architecture)
        assert old in text
        return json.loads(text.replace(old, new))

    return change


def with_units(units):
    return replaced('"units": 3', f'"units": {units}')


@contextlib.contextmanager
def little_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # in kB


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("kind", ["keras", "quantized"])
@pytest.mark.parametrize("units", [30_000_000, 2_000_000_000])
def test_no_memory_is_taken_for_weights_that_the_file_lacks(version, kind, units, tmp_path):
    path = tmp_path / "m.tfqd"
    write_changed(quantized(version), path, with_units(units))
    with little_memory(), pytest.raises(ArchiveError, match="more weights than the file"):
        tfqd.load(path, kind)


SMALL, LARGE = "[[1, 1], [1, 1]]", "[[99999, 99999], [99999, 99999]]"
# Layers without weights, what of their configuration is changed, and the layer that is named.
GREEDY = {
    "padding": (lambda layers: layers.ZeroPadding2D(), SMALL, LARGE, "zero_padding2d"),
    "upsampling": (
        lambda layers: layers.UpSampling2D(7),
        '"size": [7, 7]',
        '"size": [90000, 90000]',
        "up_sampling2d",
    ),
    "upsampling by interpolation": (
        lambda layers: layers.UpSampling2D(7, interpolation="bilinear"),
        '"size": [7, 7]',
        '"size": [90000, 90000]',
        "up_sampling2d",
    ),
    "resizing": (
        lambda layers: layers.Resizing(77, 5),
        '"height": 77',
        '"height": 77777777',
        "res",
    ),
}


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("greedy", GREEDY)
def test_no_memory_is_taken_for_activations_that_nothing_stands_for(
    version, greedy, tmp_path, capsys
):
    layer, old, new, name = GREEDY[greedy]
    path = tmp_path / "m.tfqd"
    write_changed(quantized(version, (2, 2, 4), layer(version.layers)), path, replaced(old, new))
    capsys.readouterr()
    with little_memory():
        assert main(["verify", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"would compute [\d,]+ numbers, .* layer '[^']*{name}", line), line


def test_attention_between_many_steps_is_refused_too(tmp_path):
    inputs = keras.Input((4,))
    steps = keras.layers.RepeatVector(7)(keras.layers.Dense(3)(inputs))
    model = keras.Model(inputs, keras.layers.Attention(name="attend")([steps, steps]))
    path = tmp_path / "m.tfqd"
    change = replaced('"n": 7', '"n": 70000')
    write_changed(tfqd.quantize_model(model, tfqd.Uniform(bits=4)), path, change)
    with little_memory(), pytest.raises(ArchiveError, match=r"layer '[^']*attend"):
        tfqd.export.verify(path)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_plain_keras_files_are_refused_likewise(version, tmp_path):
    path = tmp_path / "m.keras"
    layer = version.layers.ZeroPadding2D()
    tfqd.export.keras(quantized(version, (2, 2, 4), layer), path)
    tfqd.export.verify(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    assert SMALL.encode() in members["config.json"]
    members["config.json"] = members["config.json"].replace(SMALL.encode(), LARGE.encode())
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    with little_memory(), pytest.raises(ArchiveError, match="zero_padding2d"):
        tfqd.export.verify(path)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_no_memory_is_taken_for_inputs_that_nothing_stands_for(version, tmp_path):
    path = tmp_path / "m.tfqd"
    change = replaced("[null, 21, 22, 4]", "[null, 210000, 220000, 4]")
    write_changed(quantized(version, (21, 22, 4)), path, change)
    with little_memory(), pytest.raises(ArchiveError, match="is of 369,600,000,000 values"):
        tfqd.export.verify(path)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_large_activations_of_an_honest_file_pass(version, tmp_path):
    model = quantized(version, (2, 2, 4), version.layers.UpSampling2D(1000))
    assert tfqd.save(model, tmp_path / "m.tfqd") == tfqd.export.verify(tmp_path / "m.tfqd")


def without_layers(architecture):
    architecture["config"]["layers"] = 3
    return architecture


def of_no_class(architecture):
    return {"class_name": None}


def of_unknown_layer(architecture):
    return json.loads(json.dumps(architecture).replace('"Dense"', '"Dance"'))


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize(
    "change", [without_layers, of_no_class, of_unknown_layer, with_units(5), with_units('"x"')]
)
def test_a_broken_architecture_is_an_archive_error(version, change, tmp_path, capsys):
    path = tmp_path / "m.tfqd"
    write_changed(quantized(version), path, change)
    with pytest.raises(ArchiveError):
        tfqd.load(path)
    assert main(["verify", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tfqd: ")
    assert "architecture" in line


def test_the_refusal_of_a_lambda_names_a_remedy(tmp_path):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Lambda(lambda x: x * 2)]
    )
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    with pytest.raises(ValueError, match="layer class"):
        tfqd.save(quantized, tmp_path / "m.tfqd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize(
    ("layer", "old", "new"),
    [
        (lambda layers: layers.UpSampling1D(5), '"size": 5', '"size": 1000000000'),
        (lambda layers: layers.GRU(2, unroll=True), ", 6, ", ", 1000000000, "),
    ],
    ids=["upsampling", "unrolled"],
)
def test_layers_that_are_built_by_loops_do_not_turn_for_ever(version, layer, old, new, tmp_path):
    path = tmp_path / "m.tfqd"
    model = quantized(version, (6, 4), layer(version.layers))
    with little_memory():
        write_changed(model, path, replaced(old, new))
        with pytest.raises(ArchiveError, match=r"is built by 1,000,000,000 repetitions"):
            tfqd.load(path)
        assert main(["verify", str(path)]) == 1
