"""What the tests of examples share."""

import pathlib
import pickle
import sys

import keras
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session", name="data")
def cifar_data(tmp_path_factory):
    """256 training and 128 test images as in cifar-10-batches-py, and an untrained ResNet-8."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    (folder / "cifar-10-batches-py").mkdir()
    for name, count in (("data_batch_1", 128), ("data_batch_2", 128), ("test_batch", 128)):
        batch = {
            b"data": rng.integers(0, 256, (count, 3072), np.uint8),
            b"labels": rng.integers(0, 10, count).tolist(),
        }
        (folder / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(batch))
    sys.path.insert(0, str(EXAMPLES))
    try:
        from resnet8_data import resnet8
    finally:
        sys.path.remove(str(EXAMPLES))
    (folder / "models").mkdir()
    keras.utils.set_random_seed(0)
    resnet8().save(folder / "models" / "resnet8_cifar10.h5")
    return folder
