import contextlib
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from tests.support.mail import CORPUS


def test_the_fuzz_targets_accept_mail_and_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atheris", SimpleNamespace(instrument_imports=contextlib.nullcontext))
    monkeypatch.delitem(sys.modules, "tools.fuzz", raising=False)
    fuzz = import_module("tools.fuzz")
    for raw in (CORPUS[0].read_bytes(), b"", b"\xff\0"):
        for check in fuzz.TARGETS.values():
            check(raw)
    monkeypatch.delitem(sys.modules, "tools.fuzz")


def test_without_atheris_the_fuzz_target_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.delitem(sys.modules, "tools.fuzz", raising=False)
    with pytest.raises(SystemExit, match="2"):
        import_module("tools.fuzz")
    assert "atheris is not installed" in capsys.readouterr().err
