"""Which Keras a model is of."""


def is_tf_keras(model) -> bool:
    """Whether it is an object of a tf_keras (Keras 2) class; does not import tf_keras."""
    return any(cls.__module__.split(".")[0] == "tf_keras" for cls in type(model).__mro__)
