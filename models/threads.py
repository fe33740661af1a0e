"""One BLAS thread where results must be the same to the bit.

With several threads a product is cut up by the number of cores, and its last bits follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS is loaded before the controller looks)
from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    # Looking through the loaded libraries takes milliseconds: once is enough for numpy and scipy.
    np.dot(np.ones(2), np.ones(2))
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, numpy and scipy compute on one thread."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
