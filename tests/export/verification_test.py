"""`tfqd.export.verify` finds out later what a file is worth."""

import shutil
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from served_models import CASES

import tfqd
from tfqd.compressed import Probes
from tfqd.export import probes as probing
from tfqd.export.comparison import Verification
from tfqd.export.keras_file import PROBES_IN_ZIP
from tfqd.export.saved_model_file import PROBES_IN_FOLDER

DENSE = CASES["dense of 4 bits"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A folder with versions 1 and 2 of a model, of which 2 has another weight."""
    folder = tmp_path_factory.mktemp("exports")
    quantized = DENSE.quantized()
    tfqd.export.saved_model(quantized, folder / "served")
    tfqd.export.keras(quantized, folder / "model.keras")
    kernel = quantized.model.layers[-1].kernel
    kernel.assign(kernel + 1e-3)
    tfqd.export.saved_model(quantized, folder / "served", version=2)
    tfqd.export.keras(quantized, folder / "other.keras")
    return folder


@pytest.fixture
def exports(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "exports")


def put_probes(path, data):
    """Replaces the probes in a ``.keras`` file."""
    with zipfile.ZipFile(path) as old:
        members = {n: old.read(n) for n in old.namelist() if n != PROBES_IN_ZIP}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in {**members, **({PROBES_IN_ZIP: data} if data else {})}.items():
            new.writestr(name, content)


@pytest.mark.parametrize("path", ["served/1", "served", "model.keras"])
def test_untouched_exports_agree(exports, path):
    kind = "keras" if path.endswith("keras") else "saved_model"
    verification = tfqd.export.verify(exports / path)
    assert verification == Verification(kind, verification.largest_difference, 1e-5)
    assert verification.largest_difference <= 1e-5


def test_the_newest_version_counts(exports):
    (exports / "served/10").mkdir()
    with pytest.raises(ValueError, match="served/10"):
        tfqd.export.verify(exports / "served")


def test_a_saved_model_with_other_weights_disagrees(exports):
    shutil.rmtree(exports / "served/1/variables")
    shutil.copytree(exports / "served/2/variables", exports / "served/1/variables")
    with pytest.raises(tfqd.export.VerificationError, match="the largest difference is"):
        tfqd.export.verify(exports / "served/1")


def test_a_keras_file_with_other_weights_disagrees(exports):
    with zipfile.ZipFile(exports / "model.keras") as file:
        data = file.read(PROBES_IN_ZIP)
    put_probes(exports / "other.keras", data)
    with pytest.raises(tfqd.export.VerificationError, match="the largest difference is"):
        tfqd.export.verify(exports / "other.keras")


def test_damaged_variables_are_an_error_of_ours(exports):
    data = exports / "served/1/variables/variables.data-00000-of-00001"
    damaged = bytearray(data.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    data.write_bytes(damaged)
    with pytest.raises(ValueError, match="cannot be loaded and run"):
        tfqd.export.verify(exports / "served/1")


@pytest.mark.parametrize(
    ("kept", "shape"), [("other", (3, 5)), ("scores", (2, 5))], ids=["names", "shapes"]
)
def test_other_outputs_than_expected_disagree(exports, kept, shape):
    probes = Probes(DENSE.inputs, {kept: np.zeros(shape, np.float32)})
    (exports / "served/1" / PROBES_IN_FOLDER).write_bytes(probing.to_bytes(probes, 1e-5))
    with pytest.raises(tfqd.export.VerificationError):
        tfqd.export.verify(exports / "served/1")


def test_answers_that_are_no_numbers_disagree(tmp_path):
    # Without an activation: on some processors relu makes 0 of what is no number.
    model = keras.Sequential([keras.Input((20,), name="features"), layers.Dense(5, name="scores")])
    tfqd.export.saved_model(tfqd.quantize_model(model, tfqd.Uniform(bits=4)), tmp_path / "served")
    nothing = {"features": np.full((3, 20), np.nan, np.float32)}
    probes = Probes(nothing, {"scores": np.ones((3, 5), np.float32)})
    (tmp_path / "served/1" / PROBES_IN_FOLDER).write_bytes(probing.to_bytes(probes, 1e-5))
    with pytest.raises(tfqd.export.VerificationError, match="nan of the largest output"):
        tfqd.export.verify(tmp_path / "served/1")


def test_files_without_probes_are_refused(exports):
    (exports / "served/1" / PROBES_IN_FOLDER).unlink()
    with pytest.raises(ValueError, match=r"is no export of tfqd: it has no .*tfqd_probes\.npz"):
        tfqd.export.verify(exports / "served/1")
    put_probes(exports / "model.keras", None)
    with pytest.raises(ValueError, match="is no export of tfqd, or damaged"):
        tfqd.export.verify(exports / "model.keras")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", b"\x80\x04K\x01."])
def test_probes_that_are_something_else_are_refused(exports, data):
    (exports / "served/1" / PROBES_IN_FOLDER).write_bytes(data)
    with pytest.raises(ValueError, match="no export of tfqd, or damaged"):
        tfqd.export.verify(exports / "served/1")


def test_pickles_among_the_probes_are_not_loaded(exports):
    file = exports / "served/1" / PROBES_IN_FOLDER
    np.savez(file, tolerance=1e-5, **{"input/features": np.array([{}], object)})
    with pytest.raises(ValueError, match="damaged"):
        tfqd.export.verify(exports / "served/1")


def test_other_paths_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(ValueError, match="is no export of tfqd, or damaged"):
        tfqd.export.verify(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="holds no SavedModel and no numbered versions"):
        tfqd.export.verify(tmp_path)
    with pytest.raises(FileNotFoundError):
        tfqd.export.verify(tmp_path / "missing")


@pytest.mark.parametrize("name", ["g", "model.v2", "M.TFQD"])
def test_archives_may_have_any_name(name, tmp_path):
    tfqd.save(DENSE.quantized(), tmp_path / name)
    assert tfqd.export.verify(tmp_path / name).kind == "tfqd"
    damaged = bytearray((tmp_path / name).read_bytes())
    damaged[-100] ^= 1
    (tmp_path / name).write_bytes(damaged)
    with pytest.raises(tfqd.ArchiveError):
        tfqd.export.verify(tmp_path / name)


def test_endings_may_be_in_capitals(tmp_path):
    path = tmp_path / "A.TFLITE"
    tfqd.export.tflite(DENSE._replace(spec=tfqd.presets.deployable(8)).quantized(), path)
    assert tfqd.export.verify(path).kind == "tflite"


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (tfqd.save, "m.tfqd"),
        (tfqd.export.keras, "m.keras"),
        (tfqd.export.saved_model, "served"),
        (tfqd.export.tflite, "m.tflite"),
    ],
)
def test_probes_without_examples_are_refused(write, name, tmp_path):
    model = DENSE._replace(spec=tfqd.presets.deployable(8)).quantized()
    message = r"probes: input 'features' must have examples; got none, of shape \(0, 20\)"
    with pytest.raises(ValueError, match=message):
        write(model, tmp_path / name, probes=np.zeros((0, 20)))
    assert not list(tmp_path.iterdir())


def test_files_of_probes_without_examples_are_refused(exports):
    probes = {"features": np.zeros((0, 20), np.float32)}, {"scores": np.zeros((0, 5), np.float32)}
    put_probes(exports / "model.keras", probing.to_bytes(Probes(*probes), 1e-5))
    with pytest.raises(ValueError, match="probes of the keras file have no answers to compare"):
        tfqd.export.verify(exports / "model.keras")


def test_large_outputs_are_kept_in_part_and_still_compared(tmp_path):
    image = keras.Input((64, 64, 1))
    quantized = tfqd.quantize_model(
        keras.Model(image, layers.Conv2D(3, 3, padding="same")(image)), tfqd.Uniform(bits=4)
    )
    tfqd.export.saved_model(quantized, tmp_path)
    probes, _ = probing.from_bytes((tmp_path / "1" / PROBES_IN_FOLDER).read_bytes())
    (output,) = probes.outputs.values()
    assert output.size == 4096
    assert tfqd.export.verify(tmp_path).largest_difference <= 1e-5
