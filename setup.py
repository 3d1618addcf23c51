"""The compiled parts of the package; all else stands in setup.cfg.

Each ``_name.pyx`` under ``src/twsloop`` is an extension. They are optional: where there is no C
compiler, or Python's headers are missing, the package installs without them and runs in Python.
With ``TWSLOOP_COMPILE=no`` in the environment nothing is compiled.
"""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import Extension, setup


def extensions() -> list[Extension]:
    """One extension for each Cython source; none where Cython is missing, or not wanted."""
    if os.environ.get("TWSLOOP_COMPILE") == "no":
        return []
    try:
        import Cython  # noqa: F401, PLC0415  (setuptools uses it by itself where it is there)
    except ImportError:
        return []
    found = []
    for source in sorted(Path("src/twsloop").rglob("_*.pyx")):
        name = ".".join(source.relative_to("src").with_suffix("").parts)
        included = [path.as_posix() for path in sorted(source.parent.glob("_*.pxi"))]
        found.append(Extension(name, [source.as_posix()], depends=included, optional=True))
    return found


setup(ext_modules=extensions())
