"""What all callbacks here have in common."""

import keras


class Callback(keras.callbacks.Callback):
    """A Keras 3 callback that tf_keras takes as well.

    Before tf_keras calls a batch hook it asks the callbacks, which Keras 3's
    cannot answer.
    """

    def _implements_train_batch_hooks(self) -> bool:
        return self._overrides("on_train_batch_begin", "on_train_batch_end")

    def _implements_test_batch_hooks(self) -> bool:
        return self._overrides("on_test_batch_begin", "on_test_batch_end")

    def _implements_predict_batch_hooks(self) -> bool:
        return self._overrides("on_predict_batch_begin", "on_predict_batch_end")

    def _overrides(self, *hooks: str) -> bool:
        base = keras.callbacks.Callback
        return any(getattr(type(self), hook) is not getattr(base, hook) for hook in hooks)
