"""inspect, sizes, convert and verify, each on the files that it is for."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tf_keras
from command import tfqd as command

import tfqd
from tfqd_command.main import main
from tfqd_command.models import load_teacher

X = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)


def network(version):
    return version.Sequential(
        [
            version.layers.Input((8,)),
            version.layers.Dense(16, name="hidden", activation="relu"),
            version.layers.Dense(3, name="scores"),
        ],
        name="small",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a float model and a quantized one, in files of several kinds."""
    path = tmp_path_factory.mktemp("files")
    model = network(keras)
    model.save(path / "m.keras")
    model.save(path / "m.h5")
    network(tf_keras).save(path / "old.keras")  # which Keras 3 reads too
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(4))
    quantized.save(path / "q.keras")
    tfqd.save(quantized, path / "q.tfqd")
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def values(capsys, *words):
    """What a command prints with --json."""
    assert main([*words, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    return json.loads(printed.out)


@pytest.mark.parametrize("file", ["q.tfqd", "q.keras"])
def test_inspect_tells_codes_from_floats(file, capsys):
    found = values(capsys, "inspect", file)
    kernel, bias = found["tensors"][:2]
    assert kernel["name"].endswith("hidden/kernel")
    assert (kernel["shape"], kernel["type"], kernel["bits"]) == ([8, 16], "uniform", 4)
    assert kernel["levels"] == 15
    assert 0 < kernel["entropy"] <= np.log2(15)
    assert (bias["type"], bias["bits"], bias["levels"], bias["bytes"]) == ("float32", 32, None, 64)
    assert found["total"]["weights"] == 8 * 16 + 16 + 16 * 3 + 3
    assert found["total"]["file_bytes"] == pathlib.Path(file).stat().st_size


def test_inspect_shows_the_bytes_of_the_archive(capsys):
    found = values(capsys, "inspect", "q.tfqd")
    entries = tfqd.compressed.read_manifest("q.tfqd").tensors
    assert [row["bytes"] for row in found["tensors"]] == [entry.bytes for entry in entries]


@pytest.mark.parametrize("name", ["archive", "archive.TFQD", "archive.keras"])
def test_archives_of_any_name_are_inspected_converted_and_learned_from(name, capsys, tmp_path):
    path = str(tmp_path / name)
    shutil.copy("q.tfqd", path)
    expected = values(capsys, "inspect", "q.tfqd")
    assert values(capsys, "inspect", path)["tensors"] == expected["tensors"]
    values(capsys, "convert", path, "same.safetensors")
    answers = np.asarray(load_teacher("q.tfqd")(X))
    np.testing.assert_array_equal(np.asarray(load_teacher(path)(X)), answers)
    assert main(["sizes", path]) == 1
    assert "file of a Keras model; it is an archive of tfqd" in capsys.readouterr().err


def test_what_a_teacher_may_be_is_named():
    pathlib.Path("teacher.txt").write_text("nothing of the kind")
    with pytest.raises(ValueError, match=r"must be a \.tfqd, \.keras, \.h5, \.hdf5 file"):
        load_teacher("teacher.txt")


@pytest.mark.parametrize("file", ["m.keras", "m.h5", "old.keras"])
def test_float_models_are_inspected_and_sized(file, capsys):
    total = values(capsys, "inspect", file)["total"]
    assert total["bytes"] == 4 * total["weights"]
    found = values(capsys, "sizes", file)
    assert found["float_bytes"] == total["bytes"]
    assert [size["bits"] for size in found["sizes"]] == [8, 4, 3, 2]
    sizes = [size["bytes"] for size in found["sizes"]]
    assert sizes == sorted(sizes, reverse=True)


def test_sizes_are_those_of_the_files_that_would_be_written(capsys, tmp_path):
    found = {each["bits"]: each for each in values(capsys, "sizes", "m.keras")["sizes"]}
    model = keras.saving.load_model("m.keras")
    tfqd.save(tfqd.quantize_model(model, 3), tmp_path / "three.tfqd")
    written = (tmp_path / "three.tfqd").stat().st_size
    assert found[3]["bytes"] == written
    assert main(["sizes", "q.keras"]) == 1
    assert "q.keras is quantized already; tfqd inspect" in capsys.readouterr().err
    assert found[3]["ratio"] == pytest.approx(4 * model.count_params() / written)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_float_bytes_are_those_of_the_weights_as_the_file_has_them(version, capsys, tmp_path):
    path, layers = str(tmp_path / "half.keras"), version.layers
    version.Sequential([layers.Input((8,)), layers.Dense(9, dtype="float16")]).save(path)
    sized = values(capsys, "sizes", path)
    found = values(capsys, "compress", path, f"--to={tmp_path}/half.tfqd")
    assert sized["float_bytes"] == found["float_bytes"] == 2 * (8 * 9 + 9)
    (four,) = [each for each in sized["sizes"] if each["bits"] == 4]
    (file,) = found["files"]
    assert (four["bytes"], four["ratio"]) == (file["bytes"], file["ratio"])


@pytest.mark.parametrize("source", ["q.tfqd", "q.keras"])
@pytest.mark.parametrize("target", ["new.tfqd", "NEW.TFQD", "new.tflite", "new.keras", "served/"])
def test_convert_writes_files_that_verify(source, target, capsys):
    found = values(capsys, "convert", source, target)
    assert found["largest_difference"] <= (0.1 if target == "new.tflite" else 1e-5)
    assert values(capsys, "verify", found["path"])["kind"] == found["kind"]
    assert values(capsys, "inspect", found["path"])["total"]["file_bytes"] == found["bytes"]


@pytest.mark.parametrize("typed", ["inspect q.tfqd", "sizes m.keras", "verify q.tfqd"])
def test_what_is_read_is_the_source(typed, capsys):
    found = values(capsys, *typed.split())
    assert found["source"] == typed.split()[1]
    assert "path" not in found


def test_what_is_written_has_a_path(capsys):
    found = values(capsys, "convert", "q.tfqd", "read.keras")
    assert (found["source"], found["path"]) == ("q.tfqd", "read.keras")
    found = values(capsys, "compress", "m.keras", "--to=read.tfqd")
    assert (found["source"], found["files"][0]["path"]) == ("m.keras", "read.tfqd")


def test_safetensors_are_written_and_inspected_and_cannot_be_run(capsys):
    found = values(capsys, "convert", "q.tfqd", "new.safetensors")
    assert (found["kind"], found["largest_difference"]) == ("safetensors", 0)
    rows = {row["name"]: row for row in values(capsys, "inspect", "new.safetensors")["tensors"]}
    for row in values(capsys, "inspect", "q.tfqd")["tensors"]:
        same = ("shape", "type", "bits", "levels")
        assert [rows[row["name"]][key] for key in same] == [row[key] for key in same]
        assert rows[row["name"]]["entropy"] == pytest.approx(row["entropy"], abs=1e-3)
    assert main(["verify", "new.safetensors"]) == 1
    assert "holds weights without a model" in capsys.readouterr().err
    assert main(["convert", "q.tfqd", "new.safetensors"]) == 0
    assert "it holds the weights of q.tfqd" in capsys.readouterr().out


def test_convert_keeps_every_weight(capsys):
    values(capsys, "convert", "q.keras", "again.tfqd")
    values(capsys, "convert", "again.tfqd", "again.keras")
    expected = np.asarray(keras.saving.load_model("q.keras")(X))
    for model in (tfqd.load("again.tfqd"), keras.saving.load_model("again.keras")):
        np.testing.assert_array_equal(np.asarray(model(X)), expected)


@pytest.mark.parametrize("target", ["float.tflite", "float/", "float.tfqd"])
def test_floats_are_not_converted_as_if_they_were_small(target, capsys):
    assert main(["convert", "m.keras", target]) == 1
    assert capsys.readouterr().err.endswith(
        "m.keras is not quantized; tfqd compress makes files of float models\n"
    )
    assert not pathlib.Path(target).exists()


def test_a_saved_model_becomes_the_next_version(capsys):
    paths = [values(capsys, "convert", "q.tfqd", "versions/")["path"] for _ in range(2)]
    assert paths == ["versions/1", "versions/2"]
    counted = [
        values(capsys, "inspect", path)["total"]["file_bytes"] for path in ("versions", *paths)
    ]
    assert counted[0] == counted[2] > 0, "those of the version that is read"


def test_integers_of_a_tflite_file_are_counted(capsys):
    values(capsys, "convert", "q.tfqd", "counted.tflite")
    rows = values(capsys, "inspect", "counted.tflite")["tensors"]
    kernel = next(row for row in rows if row["shape"] == [16, 8])
    tensor = next(iter(tfqd.load("q.tfqd", "compressed").quantized.values()))
    assert (kernel["type"], kernel["bits"], kernel["bytes"]) == ("int4", 4, 64)
    assert kernel["levels"] == len(np.unique(tensor.codes))


def test_people_get_a_table_on_standard_output_alone():
    shown = command("inspect", "q.tfqd")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[0].split() == [
        "tensor", "shape", "type", "bits", "levels", "entropy", "bytes",
    ]  # fmt: skip
    converted = command("convert", "q.tfqd", "shown.tflite")
    assert (converted.returncode, converted.stderr) == (0, "")
    assert converted.stdout.startswith("shown.tflite: ")


def test_paths_are_shown_as_they_are(capsys):
    folder = pathlib.Path("a[v2]:smile:[")
    (folder / "tmp]").mkdir(parents=True)
    source, target = str(folder / "q.tfqd"), str(folder / "tmp]" / "b.keras")
    shutil.copy("q.tfqd", source)
    assert main(["convert", source, target]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{target}: ")
    assert f"it answers as {source} does" in printed
    assert main(["verify", source]) == 0
    assert capsys.readouterr().out.startswith(f"{source} agrees with")
    assert main(["verify", f"{folder}/missing.tfqd"]) == 1
    assert f"{folder}/missing.tfqd" in capsys.readouterr().err
