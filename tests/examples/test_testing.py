"""The example tests of the documentation, run as they stand by a pytest of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "testing"


def suite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["plain", "xdist"])
def test_they_pass(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = shutil.copytree(EXAMPLES, tmp_path / "examples")
    done = suite(Path(folder), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_they_can_fail(tmp_path: Path) -> None:
    """A strategy that does not end its stream is caught, on both ways that play the script."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))
    strategy = folder / "strategy.py"
    strategy.write_text(strategy.read_text().replace("self.cancelMktData(1)", "pass"))
    done = suite(folder)
    assert done.returncode == 1
    assert done.stdout.count("rejected.txt:8 waits for cancelMktData reqId=1") >= 2, done.stdout
