"""The features of Keras 3 models."""

import keras

from tfqd.wrapping import features
from tfqd.wrapping.keras3.signature import input_specs


class Keras3FeatureReader(features.FeatureReader):
    """See `tfqd.wrapping.features`."""

    @staticmethod
    def _children(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        return layer._layers

    def _input_specs(self) -> list:
        return input_specs(self._model)

    @staticmethod
    def _no_trace() -> keras.StatelessScope:
        return keras.StatelessScope()
