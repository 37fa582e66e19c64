"""`workmail-hooks examples`."""

import filecmp
from pathlib import Path

import pytest

from workmail_local.cli.main import main
from workmail_local.config.functions import ROOT


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for name in ("events", "functions", "docs/recipes") for path in (folder / name).rglob("*"))
    return {str(path) for path in found if (folder / path).is_file() and "__pycache__" not in path.parts}


def test_the_samples_are_copied_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["examples"]) == 0
    assert "events/, functions/, docs/recipes/" in capsys.readouterr().out
    assert files(tmp_path) == files(ROOT)
    assert filecmp.cmpfiles(tmp_path, ROOT, files(ROOT), shallow=False)[1:] == ([], [])


def test_a_folder_that_does_not_exist_is_created(tmp_path: Path) -> None:
    assert main(["examples", str(tmp_path / "new" / "samples")]) == 0
    assert files(tmp_path / "new" / "samples") == files(ROOT)


def test_no_file_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "functions").mkdir()
    assert main(["examples", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("functions exists, so nothing is copied: name another folder\n")
    assert files(tmp_path) == set()
