"""Features of different sizes, made alike in their positions by averaging."""

import tensorflow as tf


def positions_fit(teacher_shape, student_shape) -> bool:
    """Whether the numbers of positions are equal or integer multiples, axis by axis.

    Args:
        teacher_shape: [batch, positions..., channels], None where it varies.
        student_shape: the same.
    """
    if len(teacher_shape) != len(student_shape):
        return False
    sizes = zip(teacher_shape[1:-1], student_shape[1:-1], strict=True)
    return all(None in pair or max(pair) % min(pair) == 0 for pair in sizes)


def match_positions(teacher: tf.Tensor, student: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Both features with the positions of the smaller one, the larger averaged.

    Axes whose size is not known before the run must be equal in it.

    Args:
        teacher: float [batch, positions..., channels], whose shape fits.
        student: the same.
    """
    for axis in range(1, teacher.shape.rank - 1):
        sizes = teacher.shape[axis], student.shape[axis]
        if None in sizes:
            tf.debugging.assert_equal(
                *(tf.shape(features)[axis] for features in (teacher, student)),
                f"teacher's and student's features differ in axis {axis}, whose size is unknown "
                "before the run; only known sizes can be averaged to fit",
            )
        else:
            teacher, student = (_pool(f, axis, min(sizes)) for f in (teacher, student))
    return teacher, student


def _pool(features: tf.Tensor, axis: int, size: int) -> tf.Tensor:
    """The means of `size` equal runs along an axis."""
    known = features.shape.as_list()
    if known[axis] == size:
        return features
    dynamic = tf.shape(features)
    shape = [dynamic[i] if length is None else length for i, length in enumerate(known)]
    runs = tf.reshape(features, [*shape[:axis], size, known[axis] // size, *shape[axis + 1 :]])
    return tf.reduce_mean(runs, axis=axis + 1)
