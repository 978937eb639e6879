"""The error of probes that a model cannot be asked."""


class ProbesError(ValueError):
    """That probes do not suit a model.

    Args:
        reason: what becomes of the model on them.
        advice: what is to be passed in their place, as ``with inputs ...``.

    Attributes:
        reason: as given, for callers whose users pass no probes.
    """

    def __init__(self, reason: str, advice: str = ""):
        super().__init__(f"{reason}; pass probes= {advice}".rstrip())
        self.reason = reason
