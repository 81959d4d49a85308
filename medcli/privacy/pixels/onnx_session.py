"""onnxruntime without its telemetry: the one place that imports it.

From 1.29 on its Linux builds report to their maker by default: names of models, hardware, a device identifier, kept
in the home folder and sent over the network. A program that handles patients' images must not. The environment's
word is read when the library is loaded, so it is given before that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["open_session"]


def open_session(model: bytes | Path, *, arena: bool = False) -> Any:
    """An InferenceSession on the CPU and one thread: processes are what medcli works in parallel with.

    An `arena` keeps the largest picture's memory, and so is for models whose pictures are of bounded size.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # type: ignore[import-untyped, unused-ignore]

    # Where somebody else loaded it before.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
