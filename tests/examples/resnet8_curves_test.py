"""The methods that are compared at equal bytes are what their names say."""

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
from curve_table import METHODS as NAMED
from resnet8_curves import CURVES, SIZES, name_of

import tfqd

METHODS = set(NAMED)


def levels_of(spec):
    """A kernel of normal weights as it is stored, and its weights by their codes."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, kernel_initializer="random_normal", use_bias=False)]
    model = tfqd.quantize_model(keras.Sequential([keras.Input((400,)), *layers]), spec)
    (tensor,) = tfqd.compress(model).quantized.values()
    values = tensor.dequantize()
    return tensor, [values[tensor.codes == code] for code in np.unique(tensor.codes)]


@pytest.mark.parametrize("levels", [2, 4, 8])
def test_even_levels_lie_alike_on_both_sides_of_0(levels):
    _, found = levels_of(CURVES[f"curve_even_{levels}"].spec)
    ends = [values[0] for values in found]
    assert len(ends) == levels
    np.testing.assert_allclose(ends, -np.array(ends)[::-1], rtol=1e-5)
    np.testing.assert_allclose(np.diff(ends), np.diff(ends)[0], rtol=1e-4)


@pytest.mark.parametrize("layout", ["learned", "channel"])
@pytest.mark.parametrize("levels", [3, 4, 8])
def test_learned_steps_have_0_among_their_levels(levels, layout):
    tensor, found = levels_of(CURVES[f"curve_{layout}_{levels}"].spec)
    assert tensor.levels == levels
    assert len(tensor.scale) == (8 if layout == "channel" else 1)
    assert any((values == 0).all() for values in found)


@pytest.mark.parametrize("levels", [3, 4, 8, 16, 32])
def test_a_size_has_all_methods_and_the_same_settings(levels):
    size, settings = SIZES[levels]
    methods = METHODS - ({"allotted"} if levels == 3 else set())
    for run in (CURVES[name_of(method, levels)] for method in methods):
        assert not run.distil
        assert {name: getattr(run, name) for name in settings} == settings
        assert run.budget in (None, size)
    kinds = [CURVES[name_of(method, levels)].spec for method in ("chosen", "chosen_points")]
    assert [type(kind) for kind in kinds] == [tfqd.EntropyConstrained, tfqd.EntropyCodebook]


def test_points_have_a_range_of_their_own():
    for levels in SIZES:
        spec = CURVES[f"curve_points_{levels}"].spec
        assert (spec.levels, spec.scale, spec.train) == (levels, "learned", "both")
