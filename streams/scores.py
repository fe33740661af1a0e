"""What a prediction was made from, as it travels with a text to the judge and back.

The trainer refits the weights from it: as it was then, whatever version is in service when the
answer comes.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Self

from streams.errors import Unreadable
from streams.wire import Number, Record

if TYPE_CHECKING:
    from models.prediction import Scored


class Scores(Record):
    """`models.prediction.Scored`: the features of every label, float16."""

    labels: list[str]
    f16: str
    outside: Number
    advised: bool = False

    @classmethod
    def of(cls, scored: Scored) -> Self:
        """Pack them."""
        import numpy as np  # here: what only looks at records starts without it

        data = np.ascontiguousarray(scored.features, dtype="<f2").tobytes()
        return cls(
            labels=list(scored.labels),
            f16=base64.b64encode(data).decode(),
            outside=round(scored.outside, 4),
            advised=scored.advised,
        )

    def scored(self) -> Scored:
        """Unpack them. Raises `Unreadable`."""
        import numpy as np

        from models.confidence import FEATURES
        from models.prediction import Scored

        try:
            data = np.frombuffer(base64.b64decode(self.f16, validate=True), dtype="<f2")
            features = data.reshape(len(self.labels), len(FEATURES)).astype(np.float32)
        except ValueError as error:
            raise Unreadable(f"no scores: {error}") from None
        if not np.isfinite(features).all() or not np.isfinite(self.outside):
            raise Unreadable("scores that are not finite")
        return Scored(tuple(self.labels), features, self.outside, self.advised)
