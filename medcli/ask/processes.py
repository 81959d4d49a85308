"""Which processes a run has: one a device, or so many on the processor, and what each is told of the model.

Knows names of devices; loads nothing and asks no driver.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medcli.models.protocol import ModelSpec

if TYPE_CHECKING:
    from medcli.ask.spec import AskSpec

_DEVICE = re.compile(r"cpu|mps|(cuda|xpu)(:\d+)?")


def processes_of(spec: AskSpec) -> list[ModelSpec]:
    """Return a ModelSpec for each process: its device, and its share of the processor's cores."""
    model = spec.model_spec()
    if spec.runner == "ray" and not (spec.split or spec.backend == "openai"):
        # Which GPU is a worker's is said by Ray, which shows it no other.
        on_node = replace(model, device=spec.devices, threads=max(1, int(spec.ray_cpus)))
        return [on_node] * (spec.ray_workers or 1)
    if spec.split or spec.backend == "openai":
        return [model]
    devices = (
        [f"cuda:{number}" for number in range(_gpus())] if spec.devices == "auto" else named(spec.devices)
    )
    if devices and devices != ["cpu"]:
        return [replace(model, device=device) for device in devices]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    device = "auto" if spec.devices == "auto" else "cpu"
    return [replace(model, device=device, threads=max(1, cores // spec.workers))] * spec.workers


def named(devices: str) -> list[str]:
    """Return the devices of a list; a bare number is a CUDA device's.

    >>> named("0, cuda:1")
    ['cuda:0', 'cuda:1']
    """
    names = [name.strip() for name in devices.split(",")]
    return [f"cuda:{name}" if name.isdecimal() else name for name in names if name]


def is_list(devices: str) -> bool:
    """Whether something is ``auto`` or a list of different devices."""
    names = named(devices)
    known = all(_DEVICE.fullmatch(name) for name in names)
    return devices == "auto" or (bool(names) and known and len(set(names)) == len(names))


def _gpus() -> int:
    """Count NVIDIA devices without loading torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len([path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdecimal()])
