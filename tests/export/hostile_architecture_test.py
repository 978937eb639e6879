"""Archives whose architecture and tensors do not go together."""

import copy
import dataclasses
import json
import resource

import keras
import pytest
import tf_keras

import tfqd
from tfqd import cli
from tfqd.compressed import ArchiveError, write_archive


def compressed(version):
    layers = version.layers
    model = version.Sequential([layers.Input((4,)), layers.Dense(3, name="wide")])
    return tfqd.compress(tfqd.quantize_model(model, tfqd.Uniform(bits=4)))


def with_architecture(model, change):
    architecture = copy.deepcopy(model.architecture)
    return dataclasses.replace(model, architecture=change(architecture))


def with_units(units):
    return lambda found: json.loads(json.dumps(found).replace('"units": 3', f'"units": {units}'))


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("kind", ["keras", "quantized"])
@pytest.mark.parametrize("units", [30_000_000, 2_000_000_000])
def test_no_memory_is_taken_for_weights_that_the_file_lacks(version, kind, units, tmp_path):
    path = tmp_path / "m.tfqd"
    write_archive(with_architecture(compressed(version), with_units(units)), path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArchiveError, match="more weights than the file"):
        tfqd.load(path, kind)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # in kB


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
    write_archive(with_architecture(compressed(version), change), path)
    with pytest.raises(ArchiveError):
        tfqd.load(path)
    assert cli.main(["tfqd", "verify", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tfqd: ")


def test_the_refusal_of_a_lambda_names_a_remedy(tmp_path):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Lambda(lambda x: x * 2)]
    )
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    with pytest.raises(ValueError, match="layer class"):
        tfqd.save(quantized, tmp_path / "m.tfqd")
    assert not list(tmp_path.iterdir())
