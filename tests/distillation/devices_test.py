"""Two devices, or two processes, learn what one learns with the same global batch."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import train_on_devices
import train_on_workers

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def start(script, mode, output, **environment):
    return subprocess.Popen(
        [sys.executable, HERE / script, mode, output],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process, output):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return read(output)


def read(output):
    with np.load(output) as arrays:
        return {name: arrays[name] for name in arrays.files}


def assert_equal(results, expected):
    assert results.keys() == expected.keys()
    assert {"loss", "student_loss", "feature_distillation", "accuracy"} <= expected.keys()
    np.testing.assert_allclose(results["total_loss"], results["loss"], rtol=1e-5)
    for name, values in expected.items():
        np.testing.assert_allclose(results[name], values, rtol=2e-4, atol=2e-5, err_msg=name)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_mirrored_devices_equal_one(tmp_path):
    one, mirrored = tmp_path / "one.npz", tmp_path / "mirrored.npz"
    run = start("train_on_devices.py", "mirrored", mirrored)
    train_on_devices.main("one", one)
    assert_equal(finished(run, mirrored), read(one))


def test_two_processes_of_tf_keras_equal_one(tmp_path):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    files = [tmp_path / f"worker{index}.npz" for index in range(2)]
    workers = [
        start(
            "train_on_workers.py",
            "workers",
            file,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index, file in enumerate(files)
    ]
    one = tmp_path / "one.npz"
    train_on_workers.main("one", one)
    for worker, file in zip(workers, files, strict=True):
        assert_equal(finished(worker, file), read(one))
