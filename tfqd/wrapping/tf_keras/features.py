"""The features of tf_keras models."""

import tf_keras

from tfqd.wrapping import features
from tfqd.wrapping.layers import own_layers
from tfqd.wrapping.tf_keras.signature import input_specs


class TfKerasFeatureReader(features.FeatureReader):
    """See `tfqd.wrapping.features`."""

    @staticmethod
    def _children(layer: tf_keras.layers.Layer):
        return own_layers(layer)

    def _input_specs(self) -> list:
        if getattr(self._model, "inputs", None) is None:
            raise ValueError(
                f"the shapes that model {self._model.name!r} is called on are not known"
            )
        return [input_specs(self._model)]
