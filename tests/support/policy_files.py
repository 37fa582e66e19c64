"""Files of policies and messages for tests of `check`, `try`, `replay` and `preview`."""

from pathlib import Path

POLICY = """\
version: 1
organization: { domains: [example.com] }
time_zone: Europe/Berlin
lists:
  vip: [ana@example.com]
rules:
  - name: External banner
    when: { direction: inbound, sender_scope: external }
    unless: { sender: [partner.example], kind: list }
    do: { subject_tag: "[EXTERNAL]" }
  - name: Contracts
    when: { recipient: ["list:vip"], subject: contract }
    do: [ { archive: { bucket: example-archive } }, { bounce: "No: %%Subject%%" } ]
"""
MESSAGE = (
    b"From: Joerg <joerg@example.net>\r\nTo: ana@example.com, ben@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n"
    b"Subject: Our contract\r\n\r\nHello\r\n"
)

WITH_FILE = MESSAGE.removesuffix(b"\r\n\r\nHello\r\n") + (
    b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: a/b\r\nContent-Disposition: attachment; filename=a.doc\r\n\r\nx\r\n--b--\r\n"
)
"""The message with an attachment."""


def write_policy(folder: Path, text: str = POLICY, name: str = "policy.yaml") -> str:
    """Write a policy and return its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def save_message(folder: Path, raw: bytes = MESSAGE, name: str = "mail.eml") -> str:
    """Write a message and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return str(path)
