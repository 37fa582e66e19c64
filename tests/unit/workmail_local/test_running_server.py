"""The file of a running server: written whole, for its user alone, and believed only while the server runs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workmail_local.running_server import FILE, RunningServer, find_running, remove_running, write_running


@pytest.fixture
def page() -> Iterator[str]:
    """The URL of a port that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def server(page: str, pid: int | None = None) -> RunningServer:
    return RunningServer(os.getpid() if pid is None else pid, page, "127.0.0.1:1025", "127.0.0.1:1587", {"AWS_REGION": "eu-west-1"})


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_a_server_is_found_in_its_folder_and_in_no_other(tmp_path: Path, page: str):
    for name in ("one", "two", "none"):
        (tmp_path / name).mkdir()
    one, two = server(page), server(f"{page}/mail")
    write_running(tmp_path / "one", one)
    write_running(tmp_path / "two", two)
    assert find_running(tmp_path / "one") == one
    assert find_running(tmp_path / "two") == two
    assert find_running(tmp_path / "none") is None
    assert find_running(tmp_path / "missing") is None


def test_only_the_user_of_the_server_can_read_the_file(tmp_path: Path, page: str):
    before = os.umask(0)
    try:
        write_running(tmp_path, server(page))
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_that_a_crash_left_counts_as_none_and_is_replaced(tmp_path: Path, page: str):
    write_running(tmp_path, server(page, ended_process()))
    assert find_running(tmp_path) is None
    write_running(tmp_path, server(page))
    assert find_running(tmp_path) == server(page)


def test_a_process_id_that_another_program_has_by_now_counts_as_none(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    write_running(tmp_path, server(f"http://127.0.0.1:{port}"))
    assert find_running(tmp_path) is None


def test_a_server_that_stops_removes_its_own_file_and_no_other(tmp_path: Path, page: str):
    write_running(tmp_path, server(page))
    remove_running(tmp_path, os.getpid() + 1)
    assert find_running(tmp_path)
    remove_running(tmp_path, os.getpid())
    assert not (tmp_path / FILE).exists()
    remove_running(tmp_path, os.getpid())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pid": 1}', "[" * 100_000, "\xff"])
def test_another_file_of_this_name_counts_as_none(text: str, tmp_path: Path):
    (tmp_path / FILE).write_text(text, "latin-1")
    assert find_running(tmp_path) is None


@pytest.mark.parametrize("change", [{"pid": True}, {"pid": -1}, {"pid": 2**80}, {"page": 1}, {"page": "http://[:x"}, {"environment": [1]}])
def test_a_file_with_invalid_values_counts_as_none(change: dict[str, object], tmp_path: Path, page: str):
    write_running(tmp_path, server(page))
    values = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(values | change))
    assert find_running(tmp_path) is None
