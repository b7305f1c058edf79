"""Name the machine by what it is (processor, cores, compiler, libraries), never by its host name."""

from __future__ import annotations

import os
import platform
import sys


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            found = next(
                (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), ""
            )
    except OSError:
        found = ""
    return found or platform.processor() or platform.machine()


def caches() -> str:
    """L1d and L2 of the first core, where the system tells."""
    base, found = "/sys/devices/system/cpu/cpu0/cache", []
    for index in ("index0", "index2"):
        try:
            with open(f"{base}/{index}/level") as level, open(f"{base}/{index}/size") as size:
                found.append(f"L{level.read().strip()} {size.read().strip()}")
        except OSError:
            continue
    return ", ".join(found)


def describe() -> dict[str, str]:
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "caches": caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "libc": " ".join(platform.libc_ver()),
        "implementation": sys.implementation.name,
    }
