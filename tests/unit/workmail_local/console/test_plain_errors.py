"""Errors of the operating system in plain words."""

from pathlib import Path

from workmail_local.console.plain_errors import describe_os_error


def error_of(path: str) -> OSError:
    try:
        Path(path).read_bytes()
    except OSError as error:
        return error
    raise AssertionError(f"{path} can be read")


def test_the_words_name_the_file_and_no_number(tmp_path: Path):
    (tmp_path / "file").touch()
    assert describe_os_error(error_of(f"{tmp_path}/none")) == f"no such file: {tmp_path}/none"
    assert describe_os_error(error_of(str(tmp_path))) == f"a folder, not a file: {tmp_path}"
    assert describe_os_error(error_of(f"{tmp_path}/file/x")) == f"a part of this path is a file, not a folder: {tmp_path}/file/x"
    assert describe_os_error(PermissionError(13, "Permission denied", "mail.eml")) == "permission denied: mail.eml"


def test_a_long_name_is_cut_and_control_characters_are_visible():
    assert describe_os_error(error_of("x" * 5000)) == f"file name too long: ...{'x' * 197}"
    assert describe_os_error(error_of("no\x1b[31m")) == r"no such file: no\x1b[31m"


def test_an_error_without_a_file_or_a_number_is_described():
    assert describe_os_error(OSError(28, "No space left on device")) == "no space left on the disk"
    assert describe_os_error(OSError("odd")) == "odd"
    assert describe_os_error(TimeoutError()) == "TimeoutError"
