"""Quantized models, compressed forms and plain models of either Keras version.

The functions here find the Keras version of what they were given and hand it to
what knows that version's insides: `protocols` says what that is.
"""

import keras

from tfqd.compressed import CompressedModel
from tfqd.spec import Activations
from tfqd.spec.selection import Selection, SpecLike
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.unpruned import knows_whole
from tfqd.wrapping.version import version_named, version_of


def quantize_model(
    model: keras.Model,
    spec: Selection,
    *,
    first_last: SpecLike | None = "same",
    activations: Activations | str | None = None,
) -> keras.Model:
    """A copy of `model` that uses quantized weights in every forward pass.

    The float weights stay: `fit` moves them through the straight-through
    gradient, and the points of codebooks by their exact gradient. The model
    that was passed in is not changed. Layers that are frozen now stay as they
    are, their points too, until they are thawed, and so do layers of
    ``quantized.model`` that are frozen later; ``quantized.model.trainable = False``
    freezes all float weights and leaves the points to train alone, but for those of
    layers that were frozen when they were quantized.

    A class of your own keeps its `train_step`, `test_step`, `compute_loss`, `metrics`,
    `compile` and their like: their ``self`` is then the quantized model. Layers that
    such a step calls by themselves, not by ``self(x)``, compute with float weights, of
    which it warns, as of a `fit` of your own, which is not kept.

    A tf_keras (Keras 2) model comes back as a tf_keras model whose quantized
    layers are wrapped, as by tfmot (`tfqd.tfmot.QuantizeWrapper`); there
    ``wrapper.layer.trainable = False`` leaves the points to train alone, and a
    variable's path is its layer's name and the attributes that lead to it, as in
    ``lstm/cell/recurrent_kernel``. It and what `strip_quantization` makes of it are of
    your own class; a file holds the graph alone, and `tfqd.load` gives tf_keras' class.

    Args:
        model: a built Keras 3 model: Sequential, Functional or subclassed; or a
            Sequential or Functional tf_keras model.
        spec: one spec (`tfqd.Uniform`, `tfqd.Codebook`, `tfqd.LearnedStep`,
            `tfqd.EntropyConstrained`, `tfqd.EntropyCodebook`) for all
            kernels, recurrent kernels and embeddings, and what else trains and has
            two or more axes, but for biases, gains and slopes; or an ordered mapping
            from a regular expression over the variable's path to a spec or None
            (float), of which the first match wins and what matches nothing
            stays float. `tfqd.presets` has ready ones. A spec may be given by its
            short name: ``4`` or ``"uniform4"``, ``"codebook2"``, ``"learned4"``.
        first_last: ``"same"`` treats the first and last weighted layers like the
            others; None leaves them float; a spec is used for the weights of
            theirs that `spec` quantizes.
        activations: None leaves activations float. A `tfqd.Activations` has the model
            round them too, where a file of integers does; `calibrate` is to be called
            before it is used. A subclassed model's call must take symbolic inputs for it
            (Keras layers and `keras.ops` do), and its class is not kept. For tf_keras
            models ``"tfmot"`` puts in the activation quantizers of tfmot's default
            8-bit scheme instead.

    Returns:
        A Keras model of the same Keras version, not compiled.

    Raises:
        TypeError: when `model` is no Keras model, `spec` no spec, or `activations` none.
        ValueError: when the model is unbuilt or already quantized, a short name is
            unknown, a pattern matches no variable, or weights are NaN or infinite; when a tf_keras
            model is subclassed; when a layer has no kernel of integers, or weights none
            that takes them, and `activations` are to be rounded.
        ModuleNotFoundError: for a tf_keras model, without tfmot.

    Example:

    >>> quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    >>> quantized = tfqd.quantize_model(model, 4)  # the same
    >>> quantized = tfqd.quantize_model(
    ...     model, {"dense_1/kernel": None, "kernel": tfqd.Codebook(bits=2)})
    """
    return version_of(model).building.quantize_model(model, spec, first_last, activations)


def strip_quantization(model: keras.Model) -> keras.Model:
    """A plain copy of a quantized model that holds the quantized values.

    Of a tf_keras model with tfmot's activation quantizers, those stay: they are
    part of what it computes.

    Args:
        model: from `quantize_model`, or built with `tfqd.layers.QuantizeWrapper`
            or by tfmot's ``quantize_apply`` with `tfqd.tfmot`; of a Distiller its student.

    Raises:
        TypeError: when `model` is no Keras model.
        ValueError: when it is not quantized.

    Example:

    >>> plain = tfqd.strip_quantization(quantized)
    >>> import numpy as np
    >>> [len(np.unique(layer.kernel)) <= 16 for layer in plain.layers]  # 16 levels a bucket
    [True, True]
    >>> plain.save("plain.keras")
    """
    model = student_or_self(model)
    return version_of(model).building.strip_quantization(model)


def unpruned(student: keras.Model) -> keras.Model:
    """The whole network of which a pruned model is a part, to be its teacher.

    The second phase of training in the manner of PQK (Kim, Chang and Kwak 2021, arXiv
    2106.14681), which needs no other teacher. PQK's are: the student is the pruned,
    quantized network; the teacher has its weights, and beside them those that were pruned
    away; each learns from the labels and, after a warm-up, from the other. No more could be
    read of it. As in DCIL, of two of its authors (arXiv 2109.04660): kept weights learn
    from the student's loss alone, pruned ones from the teacher's, and BatchNormalization
    is the teacher's own. tfqd's choice: so are biases and all that is not quantized, the
    teacher is float, and pruned weights begin where `tfqd.callbacks.Prune` left them,
    also those that it prunes while both train.

    Args:
        student: from `quantize_model`, after a `fit` with `tfqd.callbacks.Prune`; of
            Keras 3 or tf_keras. From now on its weights that are zero get no gradient.

    Returns:
        A model for ``tfqd.Distiller(tfqd.unpruned(student), student)``, which trains it
        together with the student. It follows the student's weights as they are.

    Raises:
        TypeError: when `student` is no Keras model.
        ValueError: when it is not quantized, or the weights that were pruned away are not
            known: it was not pruned, or read from a file since, after which pruning
            may have gone on.

    Example:

    >>> import tensorflow as tf
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> sparse = tfqd.quantize_model(model, tfqd.LearnedStep(bits=4))
    >>> sparse.compile("sgd", "mse")
    >>> _ = sparse.fit(*data, callbacks=[tfqd.callbacks.Prune(0.5)], verbose=0)
    >>> distiller = tfqd.Distiller(tfqd.unpruned(sparse), sparse)
    >>> distiller.compile("sgd", "mse")
    """
    version = version_of(student)
    entries = find_quantized(student)
    if not knows_whole(entries):
        raise ValueError(
            f"which weights were pruned away from model {student.name!r} is not known; fit a "
            "model of tfqd.quantize_model with tfqd.callbacks.Prune, and give it as it is then. "
            "Weights that were 0 before, as in a file of a pruned model, tell nothing"
        )
    return version.building.unpruned(student)


def compress(model: keras.Model) -> CompressedModel:
    """The compressed form of a quantized model: codes, points, scales, the rest.

    Right after `quantize_model`, without training, this is post-training
    quantization (the paper's "post-mortem" baseline).

    Args:
        model: from `quantize_model`, or built with `tfqd.layers` or
            `tfqd.tfmot`; of a Distiller its student.

    Returns:
        A `tfqd.CompressedModel`; its `dequantize()` gives, bit for bit, the
        weights that the quantized forward pass used.

    Raises:
        TypeError: when `model` is no Keras model.
        ValueError: when it is not quantized or holds NaN or infinite weights; infinity that stays
            float may be in what is not trainable, as masks are.

    Example:

    >>> compressed = tfqd.compress(quantized)
    >>> compressed
    <CompressedModel of keras: 2 quantized tensors, 2 float>
    >>> tensor = [*compressed.quantized.values()][0]
    >>> tensor.codes.shape, tensor.levels
    ((8, 16), 16)
    """
    model = student_or_self(model)
    return version_of(model).building.compress(model)


def float_form(model: keras.Model) -> CompressedModel:
    """The compressed form of a float model, in which nothing is quantized.

    Raises:
        TypeError: when `model` is no Keras model.
    """
    return version_of(model).building.float_form(model)


def model_from_compressed(compressed: CompressedModel, quantized: bool = False) -> keras.Model:
    """A Keras model made again from its compressed form.

    Args:
        compressed: with its architecture.
        quantized: whether to quantize it again, so that it can train on; else
            it is a plain model that holds the quantized values.

    Raises:
        ValueError: when there is no architecture, or one that does not fit.
    """
    building = version_named(compressed.keras_version).building
    return (building.quantized_from if quantized else building.plain_from)(compressed)
