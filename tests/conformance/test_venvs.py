"""Environments of the foreign clients: made once, and a clear word where they cannot be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance import venvs


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> venvs.ForeignClient:
    """A client whose requirement is a package of this test, in a folder of this test."""
    monkeypatch.setattr(venvs, "FOLDER", tmp_path / "venvs")
    # No index, whatever the machine is set up to use.
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return venvs.ForeignClient("nobody", "1.0", (f"nobody @ {(tmp_path / 'nobody').as_uri()}",))


def make_package(folder: Path) -> None:
    """A wheel's worth of source that needs nothing to be built but a built-in backend."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (folder / "backend.py").write_text(
        "import zipfile\n"
        "def build_wheel(folder, *_):\n"
        "    name = 'nobody-1.0-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{folder}/{name}', 'w') as wheel:\n"
        "        info = 'nobody-1.0.dist-info'\n"
        "        wheel.writestr('nobody.py', 'here = True')\n"
        "        wheel.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\\nName: nobody\\n'\n"
        "            'Version: 1.0\\n')\n"
        "        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\n'\n"
        "            'Root-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(f'{info}/RECORD', '')\n"
        "    return name\n"
    )


def test_no_index_is_one_clear_error(client: venvs.ForeignClient) -> None:
    with pytest.raises(venvs.VenvError, match=r"no environment for nobody 1\.0 .*package index"):
        venvs.runtime_of(client)
    # Half an environment is not taken for a whole one the next time.
    with pytest.raises(venvs.VenvError):
        venvs.runtime_of(client)


def test_made_once_and_made_anew_for_other_pins(
    client: venvs.ForeignClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(tmp_path / "nobody")
    python = venvs.runtime_of(client)
    assert list(client.folder.glob("**/nobody.py"))
    # Nothing is run a second time.
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", None)
        assert venvs.runtime_of(client) == python
    left_over = client.folder / "left over"
    left_over.touch()
    stamp = client.folder / venvs.STAMP
    stamp.write_text("Python 2.7\nnobody==0.9")
    assert venvs.runtime_of(client) == python
    assert not left_over.exists()


def test_every_version_is_pinned() -> None:
    for client in venvs.CLIENTS:
        assert all("==" in requirement for requirement in client.requirements)
        assert client.folder.parent.name == ".venvs"
    assert len({client.folder for client in venvs.CLIENTS}) == len(venvs.CLIENTS)
