"""What the converter cannot do is told in one line, with a remedy."""

import contextlib
import os

import keras
import pytest
import tf_keras

import tfqd
from tfqd.export.litert.lowering.complaints import conversion_error, printing_kept


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kit(request):
    return request.param


def texts(kit):
    text = kit.Input((), dtype="string", name="text")
    layer = kit.layers.TextVectorization(
        vocabulary=["red"], output_sequence_length=3, name="words_1"
    )
    return kit.Model(text, kit.layers.Flatten()(kit.layers.Embedding(3, 2)(layer(text))))


def integers(kit):
    number = kit.Input((), dtype="int64")
    index = kit.layers.IntegerLookup(vocabulary=[7, 9], name="ids")(number)
    return kit.Model(number, kit.layers.Embedding(3, 2)(index))


def recurrent(kit):
    return kit.Sequential([kit.Input((5, 3)), kit.layers.LSTM(4, name="lstm")])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (texts, r"'tf\.\w+' op .* in layer 'words_1'; TFLite neither takes texts apart"),
        (integers, r"'tf\.\w+' op .*; TFLite has tables from strings to int64 alone"),
        (recurrent, r"'tf\.\w+' op .* in layer 'lstm'; pass batch_size=1"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_the_converter_cannot_do_is_one_line(kit, build, message, tmp_path, capfd):
    with pytest.raises(ValueError, match=message) as caught:
        tfqd.export.tflite(build(kit), tmp_path / "m.tflite")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "loc(" in "".join(caught.value.__notes__)
    assert "loc(" not in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_batch_size_is_named_where_a_runtime_needs_it_fixed(tmp_path):
    x = tf_keras.Input((8, 8, 4))
    model = tf_keras.Model(x, tf_keras.layers.GroupNormalization(2)(x))
    with pytest.raises(tfqd.export.VerificationError, match="pass batch_size=1, which fixes"):
        tfqd.export.tflite(model, tmp_path / "m.tflite")
    tfqd.export.tflite(model, tmp_path / "m.tflite", batch_size=1)


def test_what_nobody_knows_a_remedy_for_is_told_too():
    error = conversion_error("it will not\n", ["dense"], 1)
    assert str(error) == (
        "TensorFlow's converter cannot convert the model: it will not; replace the layer by "
        "others, or export the model without it"
    )
    assert error.__notes__ == ["it will not"]


def test_prints_of_native_code_are_kept_only_where_it_fails(capfd):
    with printing_kept():
        os.write(2, b"a warning\n")
    with contextlib.suppress(ZeroDivisionError), printing_kept() as kept:
        os.write(2, b"twenty lines\n")
        raise ZeroDivisionError
    assert kept == ["twenty lines\n"]
    assert capfd.readouterr().err == "a warning\n"
