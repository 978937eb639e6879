"""Inputs made worse on purpose, at strengths from 1 to 5.

Those of images are nine of the common corruptions of Hendrycks and Dietterich 2019
(arXiv 1903.12261), with the strengths of CIFAR-10-C: those that need neither pictures of
frost nor more than TensorFlow. Of tokens a share is replaced by others of the same data;
numbers of other inputs get normal noise in units of each feature's deviation, and texts other
words of the same data. What pads stays: tokens of 0, and steps of a series that are 0 throughout.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

STRENGTHS = (1, 2, 3, 4, 5)

Corruption = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def corruptions_for(inputs: np.ndarray) -> Mapping[str, Corruption]:
    """What may be done to inputs, by name.

    Args:
        inputs: images [examples, height, width, 1 or 3], or bytes [examples, height,
            width]; integers of tokens; texts; or other floats.

    Each function takes inputs, a strength and a generator of random numbers, and gives
    inputs of the same shape and dtype.
    """
    if inputs.ndim == 4 and inputs.shape[-1] in (1, 3):
        return {name: _on_images(change) for name, change in _IMAGES.items()}
    if inputs.ndim == 3 and inputs.dtype == np.uint8:
        return {name: _without_channels(_on_images(change)) for name, change in _IMAGES.items()}
    if inputs.dtype.kind in "iu":
        return {"other tokens": _other_tokens}
    if inputs.dtype.kind in "OSU":
        return {"other words": _other_words}
    return {"noise": _feature_noise}


def _on_images(change: Corruption) -> Corruption:
    """A change of images between 0 and 1, for images of any range."""

    def corrupted(inputs, strength, generator):
        low, high = float(inputs.min()), float(inputs.max())
        unit = (inputs.astype(np.float32) - low) / ((high - low) or 1.0)
        changed = np.clip(change(unit, strength, generator), 0.0, 1.0)
        changed = changed * (high - low) + low
        return (np.round(changed) if inputs.dtype.kind in "iu" else changed).astype(inputs.dtype)

    return corrupted


def _without_channels(change: Corruption) -> Corruption:
    """A change of images that have no axis of channels."""

    def corrupted(inputs, strength, generator):
        return change(inputs[..., None], strength, generator)[..., 0]

    return corrupted


def _gaussian_noise(images, strength, generator):
    deviation = (0.04, 0.06, 0.08, 0.09, 0.10)[strength - 1]
    return images + generator.normal(0, deviation, images.shape).astype(np.float32)


def _shot_noise(images, strength, generator):
    photons = (500, 250, 100, 75, 50)[strength - 1]
    return generator.poisson(images * photons).astype(np.float32) / photons


def _impulse_noise(images, strength, generator):
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[strength - 1]
    salt = generator.random(images.shape) < 0.5
    return np.where(generator.random(images.shape) < share, salt.astype(np.float32), images)


def _speckle_noise(images, strength, generator):
    deviation = (0.06, 0.1, 0.12, 0.16, 0.2)[strength - 1]
    return images * (1 + generator.normal(0, deviation, images.shape).astype(np.float32))


def _gaussian_blur(images, strength, generator):
    deviation = (0.4, 0.6, 0.7, 0.8, 1.0)[strength - 1]
    places = np.arange(-4, 5)
    line = np.exp(-(places**2) / (2 * deviation**2))
    line = (line / line.sum()).astype(np.float32)
    padding = ((0, 0), (4, 4), (4, 4), (0, 0))
    padded = tf.constant(np.pad(images, padding, mode="edge"))
    channels = images.shape[-1]
    for shape in ((9, 1, 1, 1), (1, 9, 1, 1)):
        kernel = np.tile(line.reshape(shape), (1, 1, channels, 1))
        padded = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return padded.numpy()


def _brightness(images, strength, generator):
    more = (0.05, 0.1, 0.15, 0.2, 0.3)[strength - 1]
    # What is added to the value of HSV scales all colours of a pixel.
    value = images.max(-1, keepdims=True)
    brighter = np.minimum(value + more, 1.0)
    return np.where(value > 0, images * brighter / np.maximum(value, 1e-6), brighter)


def _contrast(images, strength, generator):
    kept = (0.75, 0.5, 0.4, 0.3, 0.15)[strength - 1]
    mean = images.mean((1, 2), keepdims=True)
    return (images - mean) * kept + mean


def _pixelate(images, strength, generator):
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[strength - 1]
    size = images.shape[1:3]
    fewer = [max(1, int(side * share)) for side in size]
    small = tf.image.resize(images, fewer, method="area")
    return tf.image.resize(small, size, method="nearest").numpy()


def _jpeg(images, strength, generator):
    quality = (80, 65, 58, 50, 40)[strength - 1]
    return tf.map_fn(lambda image: tf.image.adjust_jpeg_quality(image, quality), images).numpy()


# The share of tokens or words.
_REPLACED = (0.02, 0.05, 0.1, 0.15, 0.2)

_IMAGES: dict[str, Corruption] = {
    "Gaussian noise": _gaussian_noise,
    "shot noise": _shot_noise,
    "impulse noise": _impulse_noise,
    "speckle noise": _speckle_noise,
    "Gaussian blur": _gaussian_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "pixelate": _pixelate,
    "JPEG": _jpeg,
}


def _other_tokens(tokens, strength, generator):
    share = _REPLACED[strength - 1]
    # 0 pads, and stays where it is.
    replaced = (generator.random(tokens.shape) < share) & (tokens != 0)
    others = tokens[tokens != 0]
    if not others.size:
        return tokens
    return np.where(replaced, generator.choice(others, tokens.shape), tokens)


def _other_words(texts, strength, generator):
    kind = "S" if any(isinstance(text, bytes) for text in texts.flat) else "U"
    lines = [text.split() for text in texts.astype(kind).flat]
    words = np.array([word for line in lines for word in line])
    if not words.size:
        return texts
    space: Any = b" " if kind == "S" else " "
    worse = []
    for line in lines:
        replaced = generator.random(len(line)) < _REPLACED[strength - 1]
        others = generator.choice(words, len(line))
        worse.append(space.join(np.where(replaced, others, line) if line else line))
    return np.array(worse, object if texts.dtype == object else None).reshape(texts.shape)


def _feature_noise(inputs, strength, generator):
    share = (0.1, 0.2, 0.3, 0.4, 0.5)[strength - 1]
    # In a series, steps that are zero throughout are padding.
    padding = (inputs == 0).all(-1, keepdims=True) & (inputs.ndim > 2)
    there = np.broadcast_to(~padding, inputs.shape)
    axes = tuple(range(inputs.ndim - 1))
    deviation = inputs.std(axes, where=there) if there.any() else 0.0
    noise = generator.normal(0, 1, inputs.shape) * share * deviation * there
    return (inputs + noise).astype(inputs.dtype)
