"""The preview of a message for its approvers."""

import pytest

from mailhooks.hooks.message_preview import read_preview


def make_message(*parts: bytes) -> bytes:
    """Return a message of HTML parts."""
    head = b"From: nora@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"".join(b"--b\r\nContent-Type: text/html\r\n\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def test_the_text_of_all_parts_is_shown() -> None:
    preview = read_preview(make_message(b"<p>one</p>", b"<p>two</p>"))
    assert (preview.text.split(), preview.is_cut) == (["one", "two"], False)


@pytest.mark.parametrize("parts", [[b"<b></b>" * 30_000] * 4, [b"<b></b>" * 120_000]])
def test_text_behind_much_markup_is_not_read_and_the_preview_is_marked_as_cut(parts: list[bytes]) -> None:
    parts[-1] += b"hidden"
    preview = read_preview(make_message(*parts))
    assert (preview.text, preview.is_cut) == ("", True)
