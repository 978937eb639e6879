"""Where activations are rounded, on graphs that are written down by hand."""

import pytest

from tfqd.wrapping.placement import INPUT, NoIntegerKernel, Step, placed, role_of

CONFIGS = {
    "relu": ("ReLU", {}),
    "conv": ("Conv2D", {"activation": "linear"}),
    "dense": ("Dense", {"activation": "relu"}),
    "norm": ("BatchNormalization", {}),
    "pool": ("MaxPooling2D", {}),
    "average": ("AveragePooling2D", {}),
    "add": ("Add", {}),
    "join": ("Concatenate", {}),
    "matmul": ("Matmul", {}),
    "sigmoid": ("Activation", {"activation": "sigmoid"}),
}


def placement(*calls, outputs=None):
    """Of calls such as ``"conv a"``: a layer's name, beginning with its kind, and what it takes."""
    steps, numbers = [], {}
    for call in calls:
        name, *inputs = call.split()
        numbers[name] = len(numbers)
        kind = name.rstrip("0123456789")
        role = INPUT if kind == "x" else role_of(name, *CONFIGS[kind], len(inputs))
        steps.append(Step(name, role, tuple(numbers[each] for each in inputs), numbers[name]))
    found = placed(steps, [numbers[name] for name in outputs or [name]])
    names = list(numbers)
    return found.ranges, {
        names[tensor]: found.ranges[place].name for tensor, place in found.rounded.items()
    }


def test_a_convolution_its_normalization_and_its_relu_are_one_operator():
    ranges, rounded = placement("x", "conv x", "norm conv", "relu norm", "dense relu")
    assert rounded == {"x": "x_range", "relu": "relu_range", "dense": "dense_range"}
    assert ranges[1].layers == ("conv", "norm", "relu")
    assert [each.positive for each in ranges] == [False, True, True]


def test_a_tensor_that_is_read_twice_or_given_is_kept():
    _, rounded = placement("x", "conv x", "relu conv", "add conv relu")
    assert set(rounded) == {"x", "conv", "relu", "add"}
    _, rounded = placement("x", "conv x", "relu conv", outputs=["conv", "relu"])
    assert set(rounded) == {"x", "conv", "relu"}


def test_moving_keeps_the_range_and_averaging_rounds_to_it_again():
    ranges, rounded = placement("x", "dense x", "pool dense", "average pool", "conv average")
    assert rounded["average"] == rounded["dense"] == "dense_range"
    assert "pool" not in rounded
    assert ranges[1].layers == ("dense", "pool", "average")


def test_what_is_joined_has_one_range_for_both_signs():
    ranges, rounded = placement("x", "conv x", "dense x", "join conv dense", "pool join")
    assert rounded == {"x": "x_range", "conv": "conv_range", "dense": "conv_range"}
    assert not ranges[1].positive
    assert ranges[1].reason == "one range for conv, dense, which are joined"


def test_a_sum_takes_in_its_relu_and_kernels_of_one_range_have_it():
    ranges, _ = placement("x", "conv x", "add x conv", "relu add", "sigmoid relu")
    assert [each.name for each in ranges] == [
        "x_range",
        "conv_range",
        "relu_range",
        "sigmoid_range",
    ]
    assert ranges[3].fixed == (0, 255 / 256)
    assert role_of("tanh", "Activation", {"activation": "tanh"}, 1).fixed == (-1, 127 / 128)
    for function, low in (("softmax", 0), ("sigmoid", 0), ("tanh", -1)):
        role = role_of("l", "Activation", {"activation": function}, 1, bits=16)
        assert role.fixed == (low, 32767 / 32768)


def test_ranges_of_inputs_and_outputs_are_marked():
    ranges, _ = placement("x", "conv x", "dense conv", "add conv dense", "pool add")
    assert [each.at_an_end for each in ranges] == [True, False, False, True]
    ranges, _ = placement("x", "conv x", "join x conv", "dense join")
    assert [each.at_an_end for each in ranges] == [True, True]


def test_the_second_of_two_matrices_has_a_zero_point_of_zero():
    ranges, _ = placement("x", "conv x", "dense x", "matmul conv dense", "dense2 matmul")
    assert [each.symmetric for each in ranges] == [False, False, True, False, False]
    assert not ranges[2].positive
    with pytest.raises(NoIntegerKernel, match="sigmoid are the second of two tensors"):
        placement("x", "sigmoid x", "matmul x sigmoid")


def test_a_layer_that_is_called_twice_has_two_ranges():
    steps = [Step("x", INPUT, (), 0)]
    role = role_of("dense", "Dense", {}, 1)
    steps += [Step("dense", role, (0,), 1), Step("dense", role, (1,), 2)]
    assert [each.name for each in placed(steps, [2]).ranges] == [
        *("x_range", "dense_range", "dense_range1"),
    ]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (["x", "norm x"], "layer 'norm' .BatchNormalization. follows 'x'"),
        (["x", "dense x", "norm dense"], "without an activation"),
        (["x", "conv x", "norm conv", "norm2 norm"], "layer 'norm2' .* follows 'norm'"),
        (["x", "conv x", "add x conv", "norm add"], "follows 'add'"),
        (["x", "sigmoid x", "join x sigmoid"], "x, sigmoid are joined.* kernel of 'sigmoid'"),
    ],
)
def test_what_integers_cannot_do_is_named(calls, message):
    with pytest.raises(NoIntegerKernel, match=message):
        placement(*calls)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("LSTM", {}, r"layer 'l' \(LSTM\) cannot compute with integers"),
        ("Dense", {"activation": "gelu"}, "Dense with activation 'gelu'"),
        ("Conv2DTranspose", {"activation": "relu"}, "Conv2DTranspose with activation 'relu'"),
        ("Activation", {"activation": "silu"}, "Activation with activation 'silu'"),
        ("SeparableConv2D", {}, "write it as DepthwiseConv2D and Conv2D of 1x1"),
        ("ReLU", {"max_value": 4}, "ReLU"),
        ("Multiply", {}, "Multiply of 1 tensors"),
    ],
)
def test_layers_without_a_kernel_are_named_with_what_to_do(kind, config, message):
    with pytest.raises(NoIntegerKernel, match=message):
        role_of("l", kind, config, 1)
