"""What the spec of activations takes."""

import numpy as np
import pytest

import tfqd


def test_numbers_of_numpy_become_pythons():
    spec = tfqd.Activations(bits=np.int64(6), percentile=np.float32(99), take_apart=np.True_)
    assert (type(spec.bits), type(spec.percentile)) == (int, float)
    assert spec.take_apart is True
    assert tfqd.Activations(**spec.to_dict()) == spec


def test_bits_need_no_name():
    assert tfqd.Activations(4) == tfqd.Activations(bits=4)
    with pytest.raises(TypeError, match="positional argument"):
        tfqd.Activations(8, 8)


def test_repr_tells_bits_and_what_is_not_as_by_default():
    assert repr(tfqd.Activations()) == "Activations(bits=8)"
    spec = tfqd.Activations(4, ranges="moving")
    assert repr(spec) == "Activations(bits=4, ranges='moving')"
    for each in (spec, tfqd.Activations(16)):
        assert eval(repr(each), {"Activations": tfqd.Activations}) == each


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 1}, "bits must be an integer from 2 to 8, or 16; got 1"),
        ({"bits": 12}, "bits must be an integer from 2 to 8, or 16; got 12"),
        ({"bits": 8.0}, "bits must be"),
        ({"bits": 16, "signed_bits": 4}, "needs 8 bits throughout; got 4"),
        ({"signed_bits": 16}, "signed_bits must be an integer from 2 to 8; got 16"),
        ({"signed_bits": 1}, "signed_bits must be an integer from 2 to 8; got 1"),
        ({"ranges": "learned"}, "ranges must be one of 'trained', 'moving', 'fixed'"),
        ({"start": "max"}, "start must be one of 'mse', 'minmax', 'percentile'"),
        ({"percentile": 50}, "percentile must be a number above 50 and at most 100; got 50"),
        ({"percentile": 10**400}, "percentile must be a number above 50 and at most 100; got 1000"),
        ({"scaling": "none"}, "scaling must be one of"),
        ({"take_apart": "no"}, "take_apart must be True or False; got 'no'"),
        ({"without_kernel": "int8"}, "without_kernel must be one of 'refused', 'float'"),
        ({"bits": 4, "scaling": "symmetric"}, "scaling='symmetric' needs 8 bits .*; got 4"),
        ({"signed_bits": 4, "scaling": "symmetric"}, "needs 8 bits throughout; got 4"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        tfqd.Activations(**fields)


def test_16_bits_are_symmetric():
    assert tfqd.Activations(bits=16).scaling == "symmetric"
    assert tfqd.Activations(bits=16) == tfqd.Activations(bits=16, scaling="symmetric")
