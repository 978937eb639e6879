"""What QuantizeWeights cannot serve is refused, in words that name it."""

import types

import keras
import pytest
from small_model import compiled, fit, small_model

import tfqd
from tfqd.callbacks import QuantizeWeights

SPEC = tfqd.Uniform(bits=2, bucket_size=16)


def constrained():
    layer = keras.layers.Dense(1, kernel_constraint="non_neg", name="bounded")
    return keras.Sequential([keras.Input((6,)), layer])


def adapted():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, name="dense")])
    model.layers[0].enable_lora(1)
    return model


REFUSED = {
    "steps_per_execution must be 1; got 2": lambda: compiled(small_model(), steps_per_execution=2),
    "use_ema": lambda: _with_ema(small_model()),
    "already quantized": lambda: compiled(tfqd.quantize_model(small_model(), SPEC)),
    "bounded/kernel to its constraint": lambda: compiled(constrained()),
    "'dense' has LoRA matrices": lambda: compiled(adapted()),
}


def _with_ema(model):
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
    return model


@pytest.mark.parametrize("message", REFUSED)
def test_what_a_callback_cannot_serve_is_refused(message):
    with pytest.raises(ValueError, match=message):
        fit(REFUSED[message](), QuantizeWeights(SPEC))


def test_several_replicas_are_refused(monkeypatch):
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    callback = QuantizeWeights(SPEC)
    callback.set_model(compiled(small_model()))
    monkeypatch.setattr(keras.Model, "distribute_strategy", strategy)
    with pytest.raises(ValueError, match="works on one replica; got 2"):
        callback.on_train_begin()


def test_specs_that_need_gradients_are_refused():
    with pytest.raises(ValueError, match="no gradients to train points"):
        QuantizeWeights(tfqd.Codebook(bits=2))
    with pytest.raises(ValueError, match="clip stops gradients"):
        QuantizeWeights({"kernel": tfqd.Uniform(bits=2, clip=1.0)})
    with pytest.raises(TypeError, match="spec must be a tfqd spec"):
        QuantizeWeights(4.0)


def test_an_unused_callback_has_nothing_to_give():
    with pytest.raises(ValueError, match="not been used in a fit"):
        QuantizeWeights(SPEC).quantized_model()
