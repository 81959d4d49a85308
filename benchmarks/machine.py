"""Says on what kind of machine a figure was measured, in words that name nobody's machine."""

from __future__ import annotations

import datetime as dt
import os
import platform


def machine() -> dict[str, object]:
    """Date, cores, memory, Python and load average."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": round(os.getloadavg()[0], 2),
    }


def sentence(facts: dict[str, object]) -> str:
    """The facts as one line."""
    return (
        f"{facts['date']}: {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}, {facts['python']};"
        f" load average at the start {facts['load']}"
    )
