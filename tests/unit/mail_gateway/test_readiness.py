"""The report to systemd that the gateway is ready."""

import socket
from pathlib import Path

import pytest

from mail_gateway.readiness import notify_ready


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_gets_the_report(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{path}" if abstract else path)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}" if abstract else path)
        notify_ready()
        assert systemd.recv(100) == b"READY=1"


def test_nothing_is_reported_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
