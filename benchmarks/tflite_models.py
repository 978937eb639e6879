"""The networks of benchmarks/tflite.py, quantized as integer kernels run them."""

import pathlib
import sys

import keras

import tfqd
from tfqd.callbacks import reestimate_batch_norm
from tfqd.distillation import LogitsDistillation

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))
import resnet8_data

layers = keras.layers


def dense() -> keras.Model:
    """1024-2048-2048-256-16: 6.8 million weights, 27.3 MB in float."""
    hidden = [layers.Dense(units, activation="relu") for units in (2048, 2048, 256)]
    return keras.Sequential([keras.Input((1024,)), *hidden, layers.Dense(16)], name="dense")


def mobilenet() -> keras.Model:
    """MobileNetV2 for 96x96 images, random weights."""
    return keras.applications.MobileNetV2((96, 96, 3), weights=None)


def student(
    teacher: keras.Model, images: resnet8_data.Images, bits: int, steps: int
) -> keras.Model:
    """ResNet-8 with one symmetric scale a channel, distilled from its float self.

    Args:
        teacher: the trained float ResNet-8.
        images: CIFAR-10, or what stands in for it.
        bits: of its weights.
        steps: training steps; 0 for none (post-training quantization).
    """
    keras.utils.set_random_seed(0)
    quantized = tfqd.quantize_model(teacher, tfqd.presets.deployable(bits))
    if steps:
        rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
        loss = LogitsDistillation(temperature=2.0, from_logits=False)
        distiller = tfqd.Distiller(teacher, quantized, loss, student_loss_weight=0.3)
        distiller.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False
        )
        data = resnet8_data.batches(images, 0, 0, steps, shift=4)
        distiller.fit(data, steps_per_epoch=steps, epochs=1, verbose=2)
        reestimate_batch_norm(quantized, resnet8_data.batches(images, 1, 0, 100, shift=4))
    return quantized
