"""compress: from a float model to small files that are as good."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.export.archive_file import archive_size
from tfqd_command.main import main

FUNCTIONS = """
import numpy as np

def arrays():
    return dict(np.load("d.npz"))

def as_keras_does():
    data = arrays()
    return (data["x"], data["y"]), (data["x_test"], data["y_test"])
"""


def network(version, units, norm=False):
    layers = version.layers
    return version.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(units, activation="relu", name="hidden"),
            *([layers.BatchNormalization()] if norm else []),
            layers.Dense(3, name="scores"),
        ]
    )


def convolution(version):
    layers = version.layers
    image = [layers.Input((8,)), layers.Reshape((2, 4, 1)), layers.Conv2D(640, 2)]
    return version.Sequential([*image, layers.Flatten(), layers.Dense(3)])


def only_for_tf_keras():
    """A model that Keras 3 cannot read: its DepthwiseConv2D has no groups."""
    layers = tf_keras.layers
    ones = layers.DepthwiseConv2D(1, depthwise_initializer="ones")
    before = [layers.Input((8,)), layers.Reshape((1, 1, 8)), ones, layers.Flatten()]
    return tf_keras.Sequential([*before, network(tf_keras, 12)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with trained models of both Kerases, a teacher and data."""
    path = tmp_path_factory.mktemp("compress")
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(900, 8)).astype(np.float32)
    y = (x @ np.random.default_rng(1).normal(size=(8, 3))).argmax(-1)
    parts = {"x": x[:600], "y": y[:600], "x_test": x[600:], "y_test": y[600:]}
    np.savez(path / "d.npz", **parts)
    np.savez(path / "unlabelled.npz", x=x[:600], x_test=x[600:])
    np.savez(path / "wrong_classes.npz", x=x, y=y + 3)
    np.savez(path / "lengths.npz", x=x, y=y[:-1])
    np.savez(path / "half.npz", x=x, y=y, x_test=x)
    np.savez(path / "nan.npz", x=np.where(x > 3, np.nan, x), y=y)
    np.savez(path / "other.npz", inputs=x)
    np.savez(path / "texts.npz", x=np.array(["a", "b"]))
    np.savez(path / "objects.npz", x=np.array([[1], [2, 3]], object))
    np.savez(path / "wide.npz", x=np.pad(x, ((0, 0), (0, 1))), y=y)
    (path / "damaged.npz").write_bytes(b"nothing of the kind")
    (path / "own_data.py").write_text(FUNCTIONS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for name, units, norm in (("m", 12, False), ("norm", 12, True), ("teacher", 48, False)):
        model = network(keras, units, norm)
        model.compile(keras.optimizers.Adam(0.02), loss)
        model.fit(parts["x"], parts["y"], epochs=8, verbose=0)
        model.save(path / f"{name}.keras")
    convolution(keras).save(path / "convolution.keras")
    pair = [keras.Input((8,)), keras.Input((8,))]
    keras.Model(pair, keras.layers.Add()(pair)).save(path / "pair.keras")
    old = only_for_tf_keras()
    old.layers[-1].set_weights(keras.saving.load_model(path / "m.keras").get_weights())
    old.save(path / "old.keras")
    tfqd.save(tfqd.quantize_model(model, 8), path / "teacher.tfqd")
    tfqd.quantize_model(model, 8).save(path / "quantized.keras")
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("own_data", None)


def values(capsys, typed):
    """What ``tfqd compress`` prints with --json."""
    assert main(["compress", *typed.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("method", ["distill", "differentiable"])
@pytest.mark.parametrize("model", ["m.keras", "old.keras"])
def test_training_wins_back_what_two_bits_lose(model, method, capsys):
    found = values(
        capsys,
        f"{model} --to=small.tfqd --bits=2 --data=d.npz --epochs=6 --learning_rate=0.01 "
        f"--method={method}",
    )
    scores = found["scores"]
    assert found["metric"] == "accuracy"
    assert scores["float"] > 0.9
    assert scores["quantized"] > scores["untrained"]
    assert scores["quantized"] > scores["float"] - 0.1
    (file,) = found["files"]
    assert file["bytes"] == pathlib.Path("small.tfqd").stat().st_size
    assert file["ratio"] == pytest.approx(found["float_bytes"] / file["bytes"])
    tensors = tfqd.load("small.tfqd", "compressed").quantized.values()
    assert {tensor.bits for tensor in tensors} == {2}
    assert not list(pathlib.Path().glob("*.resume.keras"))


@pytest.mark.parametrize("method", ["post_training", "distill", "differentiable"])
def test_all_kinds_of_files_are_as_good_as_the_model(method, capsys):
    found = values(
        capsys,
        f"m.keras --to=all.tfqd,all.tflite,all.keras,{method}/ --data=d.npz --epochs=2 "
        f"--method={method}",
    )
    kinds = [file["kind"] for file in found["files"]]
    assert kinds == ["tfqd", "tflite", "keras", "saved_model"]
    for file in found["files"]:
        assert file["score"] == pytest.approx(found["scores"]["quantized"], abs=0.02)
        assert main(["verify", file["path"]]) == 0
    kernel = next(iter(tfqd.load("all.tfqd", "compressed").quantized.values()))
    assert kernel.offset is None  # as integer kernels want it
    data, loaded = np.load("d.npz"), tfqd.load("all.tfqd")
    right = np.asarray(loaded(data["x_test"])).argmax(-1) == data["y_test"]
    assert right.mean() == pytest.approx(found["files"][0]["score"])


def test_without_data_it_is_post_training_and_says_what_that_costs(capsys):
    assert main(["compress", "m.keras", "--to=untrained.tfqd", "--bits=3"]) == 0
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("tfqd: warning: without --data nothing is trained, which costs accuracy")
    expected = tfqd.quantize_model(keras.saving.load_model("m.keras"), 3)
    x = np.load("d.npz")["x"]
    np.testing.assert_array_equal(tfqd.load("untrained.tfqd")(x), expected(x))
    assert f"{pathlib.Path('untrained.tfqd').stat().st_size:,}" in printed.out


def test_without_labels_the_teacher_alone_is_followed(capsys):
    found = values(
        capsys,
        "m.keras --to=unlabelled.tfqd --bits=2 --data=unlabelled.npz --epochs=6 "
        "--learning_rate=0.01 --teacher=teacher.keras",
    )
    assert found["metric"] == "agreement with the teacher"
    assert found["scores"]["quantized"] > max(0.85, found["scores"]["untrained"])


@pytest.mark.parametrize("source", ["own_data:arrays", "own_data:as_keras_does"])
def test_data_may_come_from_a_function(source, capsys):
    one = values(capsys, f"m.keras --to=f.tfqd --data={source} --method=post_training")
    other = values(capsys, "m.keras --to=f.tfqd --data=d.npz --method=post_training")
    assert one == other
    assert one["measured_on"] == "the test data"


def test_an_archive_may_teach(capsys):
    found = values(
        capsys, "m.keras --to=taught.tfqd --data=d.npz --epochs=1 --teacher=teacher.tfqd"
    )
    assert found["scores"]["quantized"] > 0.85


@pytest.mark.parametrize("method", ["post_training", "distill", "differentiable"])
def test_a_budget_is_kept(method, capsys):
    found = values(
        capsys,
        f"teacher.keras --to=budget.tfqd --data=d.npz --budget=2.1kB --method={method} --epochs=3",
    )
    assert found["files"][0]["bytes"] <= 2100
    assert found["scores"]["quantized"] > 0.8


def test_a_budget_may_be_that_of_a_tflite_file(capsys):
    found = values(
        capsys,
        "teacher.keras --to=t.tflite,t.tfqd --data=d.npz --budget=2.5kB --file=tflite --epochs=1",
    )
    assert found["files"][0]["bytes"] <= 2500
    assert found["files"][0]["score"] > 0.8


def test_a_budget_that_fast_convolutions_exceed_is_kept_by_slow_ones(capfd):
    typed = "convolution.keras --data=d.npz --file=tflite --epochs=1"
    assert main(["compress", "--to=fast.tflite", "--bits=4", *typed.split()[:2]]) == 0
    fast = pathlib.Path("fast.tflite").stat().st_size
    capfd.readouterr()
    budget = f"--budget={fast - 500}B"
    assert main(["compress", "--to=slow.tflite", budget, *typed.split()]) == 0
    assert "need --prefer=size, with which convolutions may be slower" in capfd.readouterr().err
    assert pathlib.Path("slow.tflite").stat().st_size <= fast - 500
    typed = f"{typed} --to=none.tflite --prefer=speed"
    assert main(["compress", budget, *typed.split()]) == 1
    assert "more than the budget of" in capfd.readouterr().err


@pytest.mark.parametrize("flag", ["--prefer=size", "--slowdown=100"])
def test_tflite_files_are_as_small_as_flags_say(flag, capfd):
    assert main(["compress", "convolution.keras", "--to=fast.tflite,c.tfqd"]) == 0
    assert main(["convert", "c.tfqd", "small.tflite", flag]) == 0
    assert main(["compress", "convolution.keras", "--to=small2.tflite", flag]) == 0
    fast, *small = (
        pathlib.Path(f"{name}.tflite").stat().st_size for name in ("fast", "small", "small2")
    )
    assert max(small) < fast - 1000


@pytest.mark.parametrize("share", [0.5, 3.0])
def test_a_budget_beyond_four_bits_is_used_by_more_levels(share, capsys):
    model = keras.saving.load_model("teacher.keras")
    four, eight = (
        archive_size(tfqd.compress(tfqd.quantize_model(model, f"learned{bits}"))) for bits in (4, 8)
    )
    budget = int(four + share * (eight - four))
    found = values(capsys, f"teacher.keras --to=b.tfqd --data=unlabelled.npz --budget={budget}B")
    assert 0.95 * min(budget, eight) < found["files"][0]["bytes"] <= budget
    tensors = tfqd.load("b.tfqd", "compressed").quantized.values()
    assert {tensor.levels for tensor in tensors} == {256}


def test_batch_normalization_is_measured_anew(capsys):
    found = values(capsys, "norm.keras --to=norm.tfqd --data=d.npz --bits=3 --epochs=3")
    assert found["scores"]["quantized"] > 0.85


WRONG = [
    ("m.keras", 2, "compress needs --to=FILE[,FILE...]"),
    ("--to=a.tfqd", 2, "compress expects MODEL; got none"),
    ("m.keras --to=a.onnx", 2, "an output must end in .tfqd, .tflite, .keras, .safetensors or"),
    ("m.keras --to=a.tfqd,a.tfqd", 2, "--to names a file twice"),
    ("m.keras --to=a.tfqd,./m.keras", 2, "--to=./m.keras is the model itself; give another name"),
    ("m.keras --to=a.tfqd --bits=9", 2, "flag --bits=9"),
    ("m.keras --to=a.tfqd --bits=4 --budget=9kB --data=d.npz", 2, "either --bits or --budget"),
    ("m.keras --to=a.tfqd --budget=9kB", 2, "--budget needs --data"),
    ("m.keras --to=a.tfqd --budget=9k --data=d.npz", 2, "--budget: a size must be"),
    ("m.keras --to=a.tfqd --method=magic", 2, "flag --method=magic"),
    ("m.keras --to=a.tfqd --method=distill", 2, "--method=distill trains, which needs --data"),
    ("m.keras --to=a.tfqd --teacher=t.keras", 2, "--teacher needs --data"),
    ("m.keras --to=a.tfqd --data=d.csv", 2, "--data must be a file DATA.npz or a function"),
    ("m.keras --to=a.tfqd --epochs=0 --data=d.npz", 2, "flag --epochs=0"),
    ("m.keras --to=no/such/a.tfqd", 1, "there is no folder "),
    ("missing.keras --to=a.tfqd", 1, "missing.keras"),
    ("quantized.keras --to=a.tfqd", 1, "quantized.keras is quantized already; tfqd convert"),
    ("m.keras --to=a.tfqd --data=missing.npz", 1, "missing.npz"),
    ("m.keras --to=a.tfqd --data=damaged.npz", 1, "damaged.npz is no npz file"),
    ("m.keras --to=a.tfqd --data=other.npz", 1, "must have x, and perhaps y, x_test, y_test; got"),
    ("m.keras --to=a.tfqd --data=texts.npz", 1, "x of texts.npz must be an array of numbers"),
    ("m.keras --to=a.tfqd --data=lengths.npz", 1, "must be of one length; got 900 and 899"),
    ("m.keras --to=a.tfqd --data=nan.npz", 1, "x of nan.npz must be finite; it holds NaN or"),
    ("m.keras --to=a.tfqd --data=objects.npz", 1, "x of objects.npz must be an array of numbers"),
    ("m.keras --to=a.tfqd --data=wide.npz", 1, "the shape that m.keras takes, (8); got (9)"),
    ("m.keras --to=a.tfqd --data=half.npz", 1, "must have labels for both x and x_test"),
    ("m.keras --to=a.tfqd --data=wrong_classes.npz", 1, "classes from 0 to 2"),
    ("m.keras --to=a.tfqd --data=no_module:f", 1, "No module named 'no_module'"),
    ("m.keras --to=a.tfqd --data=own_data:f", 1, "own_data has no function 'f'"),
    ("m.keras --to=a.tfqd --data=d.npz --teacher=old.keras", 1, "teacher must be a Keras 3 model"),
    (
        "m.keras --to=a.tfqd --data=unlabelled.npz --budget=9kB --method=differentiable",
        1,
        "--budget needs labels y",
    ),
    ("m.keras --to=a.tfqd --file=tflite", 2, "--file says whose bytes --budget counts"),
    (
        "m.keras --to=a.tfqd --file=tflite --budget=9kB --data=d.npz",
        2,
        "--file=tflite counts a file that --to does not name",
    ),
    ("m.keras --to=a.tfqd --prefer=size", 2, "--prefer is about .tflite files"),
    ("m.keras --to=a.tflite --prefer=size --slowdown=2", 2, "either --prefer or --slowdown"),
    ("m.keras --to=a.tflite --slowdown=0.5", 2, "flag --slowdown=0.5"),
    (
        "m.keras --to=a.tflite --slowdown=2 --budget=9kB --file=tflite --data=d.npz",
        2,
        "--file=tflite counts bytes with --prefer, not with --slowdown",
    ),
    ("m.keras --to=a.tfqd --report=no/such/report.html", 1, "there is no folder "),
    ("pair.keras --to=a.tfqd --data=d.npz", 1, "pair.keras must have one of its inputs to train"),
    ("m.keras --to=a.tfqd --data=d.npz --budget=9B", 1, "more than the budget of 9"),
]


@pytest.mark.parametrize(("typed", "status", "message"), WRONG, ids=[each[0] for each in WRONG])
def test_an_error_is_one_line_and_a_status(typed, status, message, capfd):
    pathlib.Path("a.tfqd").unlink(missing_ok=True)
    assert main(["compress", *typed.split()]) == status
    printed = capfd.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("tfqd: ")
    assert message in line
    assert not pathlib.Path("a.tfqd").exists()
