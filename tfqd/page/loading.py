"""How each kind of file is loaded, as Python to paste."""

import json

_CODE = {
    "tfqd": """import tfqd

model = tfqd.load({path})""",
    "keras": """import {keras}

model = {keras}.models.load_model({path})""",
    "tflite": """from ai_edge_litert.interpreter import Interpreter

run = Interpreter({path}).get_signature_runner()
outputs = run(**inputs)  # numpy arrays by name""",
    "saved_model": """import tensorflow as tf

loaded = tf.saved_model.load({path})
outputs = loaded.signatures["serving_default"](**inputs)  # tensors by name""",
}


def loading_code(kind: str, path: str, keras_version: str) -> str:
    """Python that loads a file.

    Args:
        kind: as `tfqd.export.Verification` calls it.
        path: of the file.
        keras_version: ``"keras"`` or ``"tf_keras"``, of which the model is.
    """
    return _CODE[kind].format(path=json.dumps(path), keras=keras_version)
