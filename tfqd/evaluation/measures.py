"""What is measured, on which side it lies, and which way is better."""

from typing import NamedTuple

PERFORMANCE, RELIABILITY, EFFICIENCY = "performance", "reliability", "efficiency"
SIDES = (PERFORMANCE, RELIABILITY, EFFICIENCY)


class Measure(NamedTuple):
    """Something that is measured of every model.

    key: its name in JSON.
    title: its name in tables.
    side: one of `SIDES`.
    more_is_better: which way is better.
    shown: a format of Python.
    meaning: what it is, with its unit.
    share: whether it is a share of which less is better, and which may be 0.
    """

    key: str
    title: str
    side: str
    more_is_better: bool
    shown: str
    meaning: str
    share: bool = False


MEASURES = {
    measure.key: measure
    for measure in (
        Measure("accuracy", "accuracy", PERFORMANCE, True, ".2%", "share of right answers"),
        Measure(
            "retained",
            "retained",
            PERFORMANCE,
            True,
            ".1%",
            "accuracy over the reference's, the mean of all classes",
        ),
        Measure(
            "worst_retained",
            "worst class",
            PERFORMANCE,
            True,
            ".1%",
            "accuracy over the reference's, of the class that lost most",
        ),
        Measure("error", "RMS error", PERFORMANCE, False, ".4g", "root of the mean squared error"),
        Measure(
            "calibration_error",
            "calibration error",
            RELIABILITY,
            False,
            ".4f",
            "expected |accuracy - confidence|, 15 bins (Guo et al. 2017)",
            share=True,
        ),
        Measure(
            "negative_log_likelihood",
            "NLL",
            RELIABILITY,
            False,
            ".4f",
            "mean of -log p of the right class, in nats",
        ),
        Measure(
            "agreement", "agreement", RELIABILITY, True, ".2%", "share of the reference's answers"
        ),
        Measure(
            "lost",
            "lost",
            RELIABILITY,
            False,
            ".2%",
            "share right before and wrong now",
            share=True,
        ),
        Measure("gained", "gained", RELIABILITY, True, ".2%", "share wrong before and right now"),
        Measure(
            "difference",
            "to reference",
            RELIABILITY,
            False,
            ".4g",
            "root of the mean squared difference from the reference's answers",
        ),
        Measure(
            "corrupted",
            "corrupted",
            RELIABILITY,
            True,
            ".2%",
            "accuracy on corrupted inputs, the mean of all corruptions and strengths",
        ),
        Measure(
            "corrupted_error",
            "corrupted",
            RELIABILITY,
            False,
            ".4g",
            "RMS error on corrupted inputs, the mean of all corruptions and strengths",
        ),
        Measure("archive_bytes", "archive", EFFICIENCY, False, ",d", "bytes as a .tfqd archive"),
        Measure(
            "saved_model_bytes",
            "SavedModel",
            EFFICIENCY,
            False,
            ",d",
            "bytes of the SavedModel's files, of models that are given as one",
        ),
        Measure("tflite_bytes", "TFLite", EFFICIENCY, False, ",d", "bytes as a TFLite file"),
        Measure(
            "latency",
            "latency",
            EFFICIENCY,
            False,
            ".2f",
            "time for one example over the reference's, median, in LiteRT on one thread",
        ),
        Measure(
            "memory",
            "memory",
            EFFICIENCY,
            False,
            ",d",
            "bytes that a process grows by when it loads the TFLite file and runs it once",
        ),
        Measure("steps", "steps", EFFICIENCY, False, ",d", "training steps that it took"),
        Measure("seconds", "seconds", EFFICIENCY, False, ",.0f", "seconds that they took"),
        Measure(
            "steps_ratio", "steps, times", EFFICIENCY, False, ".2f", "steps over the reference's"
        ),
        Measure(
            "seconds_ratio",
            "seconds, times",
            EFFICIENCY,
            False,
            ".2f",
            "seconds of training over the reference's",
        ),
    )
}
