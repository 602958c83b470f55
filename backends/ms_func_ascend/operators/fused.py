"""Operations that `recognise` has put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators.reduce import Window, pool, window_of_kind
from ms_func_ascend.operators.registry import rule


@rule("ascend.pool")
def _pool(t: Any, op: Any, x: Tensor) -> Tensor:
    """A window over two dimensions; negative padding is cut off first."""
    e, padding = t.e, op.attrs["padding"]
    zero = e.like(0, x)
    x = e.pad(x, zero, np.minimum(padding[:, 0], 0).tolist(), np.minimum(padding[:, 1], 0).tolist())
    window = Window(op.attrs | {"padding": np.maximum(padding, 0)}, len(x.shape))
    kind = op.attrs["kind"]
    made = pool(e, kind, x, window)
    return window_of_kind(t, kind, x, window) if made is None else made


@rule("ascend.softmax")
def _softmax(t: Any, op: Any, x: Tensor) -> Tensor:
    return t.e.one("SoftmaxV2", [x], x.shape, x.dtype, axes=op.attrs["axes"])


@rule("ascend.log_softmax")
def _log_softmax(t: Any, op: Any, x: Tensor) -> Tensor:
    return t.e.one("LogSoftmaxV2", [x], x.shape, x.dtype, axes=op.attrs["axes"])
