"""The machine that was measured on: what it is, not where."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["machine", "said"]

PACKAGES = ("twsloop", "nautilus_ibapi", "protobuf", "uvloop")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What is worth knowing."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "versions": _versions(),
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def said(about: dict[str, Any]) -> str:
    """In one line."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    load = ", ".join(str(one) for one in about["load"])
    return (
        f"{about['cores']} cores of {about['processor']}, {about['system']}, "
        f"Python {about['python']}, {versions}; load {load}"
    )
