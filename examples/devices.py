"""Several devices by one flag."""

import tensorflow as tf
from absl import flags

_DEVICES = flags.DEFINE_integer(
    "devices", 1, "replicas: so many GPUs, or parts of the processor where there is none", 1
)


_MACHINES = flags.DEFINE_bool(
    "several_machines", False, "train on the machines that the variable TF_CONFIG lists"
)


def strategy() -> tf.distribute.Strategy:
    """What trains on as many devices as the flags say; to be called before all else.

    Raises:
        ValueError: when there are GPUs, but fewer.
    """
    if _MACHINES.value:
        return tf.distribute.MultiWorkerMirroredStrategy()
    count = _DEVICES.value
    if count == 1:
        return tf.distribute.get_strategy()
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and len(gpus) < count:
        raise ValueError(f"--devices={count}, but there are {len(gpus)} GPUs")
    if not gpus:
        (processor,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(processor, parts)
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(count)])


def check_batch(batch: int, devices: tf.distribute.Strategy) -> None:
    """Raises ValueError for a batch that does not go evenly to the devices."""
    count = devices.num_replicas_in_sync
    if batch % count:
        fitting = [str(each) for each in range(1, batch + 1) if batch % each == 0]
        raise ValueError(
            f"a batch of {batch} images does not go evenly to {count} devices; "
            f"--devices may be {', '.join(fitting)}"
        )
