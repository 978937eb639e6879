"""Bits for a budget: archives that keep to it, and the loss that rises least."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.export.archive_file import archive_size

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 10)).astype("float32")
Y = np.stack([X[:, 0] * X[:, 1], X[:, 2]], axis=1)
NAMES = ("first", "second", "idle", "last")


@pytest.fixture(scope="module")
def model():
    """Two hidden layers and one that has no part in the output."""
    keras.utils.set_random_seed(0)
    x = keras.Input((10,))
    h = layers.Dense(60, activation="relu", name="first")(x)
    h = layers.Dense(80, activation="relu", name="second")(h)
    idle = layers.Dense(30, name="idle")(h)
    y = layers.Dense(2, name="last")(h)
    y = layers.Add()([y, 0.0 * layers.Dense(2, use_bias=False, name="none")(idle)])
    model = keras.Model(x, y)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, epochs=5, verbose=0)
    return model


def cost(model, allocation):
    """The mean squared error of the model quantized without training."""
    quantized = tfqd.quantize_model(model, allocation)
    return float(np.mean((quantized(X) - Y) ** 2))


def saved_size(model, budget, spec, path):
    """Bytes of the file that the allocation for a budget gives."""
    allocation = tfqd.allocate_bits(model, (X, Y), budget=budget, spec=spec)
    tfqd.save(tfqd.quantize_model(model, allocation), path)
    assert abs(path.stat().st_size - allocation.size) <= 32
    return path.stat().st_size


def test_five_budgets_give_five_archives_within_2_percent_and_never_over(model, tmp_path):
    budgets = {5200: 5200, "5.5 kB": 5500, 5800: 5800, "6.2 kB": 6200, 6600: 6600}
    for text, budget in budgets.items():
        size = saved_size(model, text, tfqd.Uniform(), tmp_path / "model.tfqd")
        assert 0.98 * budget <= size <= budget


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Codebook(init="kmeans", bucket_size=None),
        tfqd.LearnedStep(scaling="affine", bucket_size=128),
    ],
    ids=lambda spec: spec.kind,
)
def test_other_methods_keep_to_a_budget_as_closely(model, spec, tmp_path):
    assert 0.98 * 5800 <= saved_size(model, 5800, spec, tmp_path / "model.tfqd") <= 5800


def test_bits_go_where_the_loss_feels_them(model):
    allocation = tfqd.allocate_bits(model, (X, Y), budget=6000)
    bits = {share.path.split("/")[0]: share.spec.bits for share in allocation.shares}
    assert bits["idle"] == bits["none"] == 1
    assert min(bits["first"], bits["second"], bits["last"]) > 1


def test_an_allocation_beats_equal_bits_of_at_least_its_size(model, tmp_path):
    allocation = tfqd.allocate_bits(model, (X, Y), budget=6000)
    equal = next(
        spec
        for spec in (tfqd.Uniform(bits=bits) for bits in range(1, 9))
        if archive_size(tfqd.quantize_model(model, spec)) >= 6000
    )
    assert cost(model, allocation) < cost(model, equal)


def test_average_bits_are_kept_to(model):
    for average in (2, 3.5):
        allocation = tfqd.allocate_bits(model, (X, Y), average_bits=average)
        weights = np.array([share.weights for share in allocation.shares])
        bits = np.array([spec.bits for spec in allocation.values()])
        assert average - 0.1 <= (bits * weights).sum() / weights.sum() <= average
        assert {spec.bucket_size for spec in allocation.values()} == {256}
        assert allocation.size is None


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Uniform(scaling="symmetric", preserve_zeros=True),
        tfqd.Codebook(bits=3, scaling="symmetric", grid="int4"),
        tfqd.presets.lut_b(),
    ],
    ids=lambda spec: spec.kind,
)
def test_specs_that_cannot_have_all_bits_get_those_that_they_can(model, spec):
    allocation = tfqd.allocate_bits(model, (X, Y), average_bits=3, spec=spec)
    assert 2 < allocation.average_bits <= 3


def test_only_the_bits_and_buckets_that_are_allowed_are_given(model):
    allocation = tfqd.allocate_bits(
        model, (X, Y), budget=7000, bits=[2, 4], bucket_sizes=[64, None]
    )
    assert {spec.bits for spec in allocation.values()} <= {2, 4}
    assert {spec.bucket_size for spec in allocation.values()} <= {64, None}


def test_a_choice_of_one_may_be_given_as_it_is(model):
    one = tfqd.allocate_bits(model, (X, Y), budget=9000, bits=4, bucket_sizes=64)
    assert {(spec.bits, spec.bucket_size) for spec in one.values()} == {(4, 64)}


@pytest.mark.parametrize(
    "spec",
    [tfqd.Codebook(bucket_size=None), tfqd.EntropyConstrained(), tfqd.Uniform()],
    ids=lambda spec: spec.kind,
)
@pytest.mark.parametrize("bits", [[2, 4], [2, 3]], ids=str)
def test_parts_of_bits_lie_between_bits_that_are_allowed(model, spec, bits):
    allocation = tfqd.allocate_bits(model, (X, Y), budget=5300, spec=spec, bits=bits)
    found = [spec.nominal_bits for spec in allocation.values()]
    assert all(min(bits) <= each <= max(bits) for each in found)
    if 3 not in bits or spec.kind == "uniform":
        assert {*found} <= {*bits}


def test_the_selection_says_what_is_quantized_and_how(model):
    spec = {"first": None, "idle": tfqd.Codebook(), ".*": tfqd.Uniform(scaling="symmetric")}
    allocation = tfqd.allocate_bits(model, (X, Y), budget=9000, spec=spec)
    kinds = {share.path: share.spec.kind for share in allocation.shares}
    assert "first/kernel" not in kinds
    assert kinds["idle/kernel"] == "codebook"
    assert kinds["second/bias"] == "uniform"
    quantized = tfqd.quantize_model(model, allocation)
    assert {e.path: e.quantizer.spec.kind for e in quantized.quantized_variables} == kinds


def test_variables_of_equal_paths_share_their_bits():
    keras.utils.set_random_seed(0)
    x = keras.Input((10,))
    towers = [keras.Sequential([layers.Dense(20, name="tower")], name=f"t{i}") for i in (0, 1)]
    model = keras.Model(x, layers.Add()([tower(x) for tower in towers]))
    paths = [variable.path for variable in model.trainable_weights]
    allocation = tfqd.allocate_bits(
        model, (X, np.ones((96, 20), "float32")), average_bits=3, loss="mse"
    )
    assert len(allocation) == len({path for path in paths if path.endswith("kernel")})
    tfqd.quantize_model(model, allocation)


def test_the_result_prints_as_a_table_and_plots_its_bits(model, tmp_path):
    allocation = tfqd.allocate_bits(model, (X, Y), budget=6000)
    text = str(allocation)
    for share in allocation.shares:
        assert share.path in text
        assert f"{share.size:,}" in text
        (line,) = [line for line in text.splitlines() if share.path in line]
        assert f" {share.bits:.2f} " in line
    figure = allocation.plot(tmp_path / "bits.png")
    assert (tmp_path / "bits.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [share.bits for share in allocation.shares]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [share.path for share in allocation.shares]


def test_budgets_that_nothing_keeps_to_are_refused(model):
    with pytest.raises(ValueError, match=r"the smallest archive .* takes \d+ bytes, more than"):
        tfqd.allocate_bits(model, (X, Y), budget=2000)
    with pytest.raises(ValueError, match="the smallest options take"):
        tfqd.allocate_bits(model, (X, Y), average_bits=1.5, bits=[2, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either budget or average_bits; got budget=None, average_bits=None"),
        ({"budget": 9000, "average_bits": 3}, "give either budget or average_bits"),
        ({"budget": "9 k"}, "a size must be a positive number of bytes"),
        ({"average_bits": 0.5}, "average_bits must be a number from 1 to 8; got 0.5"),
        ({"budget": 9000, "bits": []}, "bits must be integers from 1 to 8"),
        ({"budget": 9000, "bits": [4, 9]}, "bits must be integers from 1 to 8"),
        ({"budget": 9000, "bucket_sizes": []}, "bucket_sizes must not be empty"),
        (
            {"budget": 9000, "bucket_sizes": [0]},
            "each of bucket_sizes must be None or a positive integer",
        ),
    ],
)
def test_bad_arguments_are_refused(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfqd.allocate_bits(model, (X, Y), **arguments)
