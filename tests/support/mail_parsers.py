"""Three independent mail parsers: Python's, and postal-mime and mailparser of npm, which run in one process of Node.js."""

import base64
import json
import shutil
import subprocess
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

FOLDER: Final = Path(__file__).parent / "parsers"

REASON: Final = "Node.js is not installed, or `make parsers` was not run"


class View(NamedTuple):
    """What a parser shows: the names of all attachments, also in attached messages, and the text with the HTML."""

    names: tuple[str, ...]
    text: str


def are_installed() -> bool:
    return shutil.which("node") is not None and (FOLDER / "node_modules").exists()


class MailParsers:
    """The parsers, as a context manager."""

    def __enter__(self) -> Self:
        command = ["node", str(FOLDER / "parse.js")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def view(self, raw: bytes) -> dict[str, View]:
        """Return what each parser shows of a message, by the parser's name."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(base64.b64encode(raw).decode() + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        theirs = {name: View(tuple(each["names"]), each["text"] + each["html"]) for name, each in answer.items()}
        return {"email": _view_by_email(raw), **theirs}


def _view_by_email(raw: bytes) -> View:
    leaves = [part for part in message_from_bytes(raw).walk() if not part.is_multipart() or part.get_content_maintype() == "message"]
    texts = (_text_of(part) for part in leaves if part.get_content_maintype() == "text")
    return View(tuple(part.get_filename() or "" for part in leaves), "\n".join(texts))


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("latin-1") if isinstance(payload, bytes) else ""
