import pytest

from mailhooks.mime import headers
from mailhooks.mime import message as message_module
from mailhooks.mime.message import Message

RAW = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"


def test_header_and_structure_are_parsed_once(monkeypatch: pytest.MonkeyPatch):
    scanned: list[object] = []
    for module in (headers, message_module):
        monkeypatch.setattr(module, "scan", lambda raw, *rest, scan=module.scan: scanned.append(rest) or scan(raw, *rest))
    message = Message(RAW)
    assert scanned == []
    assert [field.name for field in message.header.fields] == ["Subject", "Content-Type"]
    assert message.structure.root.header is message.header
    assert message.structure is message.structure
    # The header of the message, the structure, and the header of its part.
    assert [rest[0] for rest in scanned] == [0, message.header, RAW.index(b"--b") + 5]
