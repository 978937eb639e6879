"""How much a student of few bits is to listen to its teacher."""


def default_student_loss_weight(bits: int | None) -> float:
    """The weight of the labels against the teacher, by the student's fewest bits.

    A float student weighs both alike, as ``keras.distillation.Distiller`` does;
    a quantized one follows the teacher more, with the paper's 0.3 to 0.7
    (reference code of arXiv 1802.05668).

    Args:
        bits: fewest bits of any quantized variable; None for a float student.
    """
    return 0.5 if bits is None else 0.3
