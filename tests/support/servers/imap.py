"""A small IMAP server (RFC 3501) with one mailbox in memory, and with the faults that importers meet.

It knows the commands of an import and no others. tests/servers runs the same importer against Dovecot.
"""

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

USER: Final = "ana@example.com"
ADMINISTRATOR: Final = "admin@example.com"
PASSWORD: Final = "correct hörse"
TOKEN: Final = "token-1"

_LITERAL: Final = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")
_QUOTED: Final = rb'"((?:[^"\\]|\\.)*)"'
_APPEND: Final = re.compile(rb"APPEND " + _QUOTED + rb' \(([^)]*)\) "([^"]*)" ', re.IGNORECASE)


@dataclass
class StoredMessage:
    """A message in a folder."""

    uid: int
    content: bytes
    flags: set[str]
    date: str


@dataclass
class Folder:
    """A folder; its UIDs begin with 1."""

    validity: int
    next_uid: int = 1
    messages: list[StoredMessage] = field(default_factory=list)

    def add(self, content: bytes, flags: set[str], date: str) -> int:
        uid = self.next_uid
        self.next_uid += 1
        self.messages.append(StoredMessage(uid, content, flags, date))
        return uid


@dataclass
class Mailbox:
    """The state of the server, and its behaviour.

    Attributes:
        faults: by number of the APPEND, counted from 1 over all connections: `cut` (the connection ends in the middle of the message),
            `lost` (the message is stored, and the connection ends before the answer), `late` (as `lost`, but stored after the next
            login), or an answer such as `NO [OVERQUOTA] full` or `BYE shutting down`.
        busy: how many of the next connections end at once.
        kill: called before a connection ends by a fault.
        early: answers to `faults` come before the message (only without LITERAL+).
        rewrite: changes each message that is stored, as Exchange does.
        logins: the user names that logged in, with the administrator's after `<`.
    """

    capabilities: str = "IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE SPECIAL-USE AUTH=PLAIN AUTH=XOAUTH2"
    separator: str = "/"
    prefix: str = ""
    folders: dict[str, Folder] = field(default_factory=lambda: {"INBOX": Folder(1)})
    uses: dict[str, str] = field(default_factory=dict)
    subscribed: set[str] = field(default_factory=set)
    faults: dict[int, str] = field(default_factory=dict)
    early: bool = False
    rewrite: Callable[[bytes], bytes] = bytes
    refuses_keywords: bool = False
    kill: Callable[[], None] = lambda: None
    busy: int = 0
    appends: int = 0
    logouts: int = 0
    logins: list[str] = field(default_factory=list)
    fetched: int = 0
    late: list[Callable[[], object]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def contents(self, folder: str) -> list[bytes]:
        return [message.content for message in self.folders[folder].messages]


class _Ended(Exception):
    """The connection ends."""


class _Session:
    def __init__(self, handler: "_Handler", mailbox: Mailbox) -> None:
        self._handler, self._mailbox = handler, mailbox
        self._selected = Folder(0)

    def run(self) -> None:
        if self._mailbox.busy:
            self._mailbox.busy -= 1
            return
        self._send(f"* OK [CAPABILITY {self._mailbox.capabilities}] ready")
        try:
            while line := self._handler.rfile.readline():
                self._answer(line)
        except (_Ended, ConnectionError, ssl.SSLError, ValueError):
            return

    def _send(self, line: str | bytes) -> None:
        self._handler.wfile.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        self._handler.wfile.flush()

    def _answer(self, line: bytes) -> None:
        tag, _, command = line.partition(b" ")
        words = command.upper().split()
        name = b" ".join(words[:2]).decode() if words[0] == b"UID" else words[0].decode()
        action = getattr(self, f"_{name.lower().replace(' ', '_')}", None)
        with self._mailbox.lock:
            answer = action(command) if action else "BAD unknown command"
        self._send(f"{tag.decode()} {answer}")

    def _names(self, command: bytes) -> list[str]:
        return [re.sub(r"\\(.)", r"\1", name.decode("ascii")) for name in re.findall(_QUOTED, command)]

    def _capability(self, command: bytes) -> str:
        self._send(f"* CAPABILITY {self._mailbox.capabilities}")
        return "OK done"

    def _authenticate(self, command: bytes) -> str:
        self._send("+ ")
        answer = base64.b64decode(self._handler.rfile.readline()).decode()
        if b"XOAUTH2" in command.upper():
            return self._log_in(f"user={USER}\1auth=Bearer {TOKEN}\1\1" == answer, USER)
        authorized, user, password = answer.split("\0")
        known = (authorized, user) in (("", USER), (USER, ADMINISTRATOR)) and password == PASSWORD
        return self._log_in(known, f"{authorized}<{user}" if authorized else user)

    def _login(self, command: bytes) -> str:
        return self._log_in(command.replace(b'"', b"").split()[1:] == [USER.encode(), b"plain"], USER)

    def _log_in(self, known: bool, name: str) -> str:
        if not known:
            return "NO [AUTHENTICATIONFAILED] no"
        self._mailbox.logins.append(name)
        late, self._mailbox.late = self._mailbox.late, []
        for store in late:
            store()
        return f"OK [CAPABILITY {self._mailbox.capabilities}] logged in"

    def _namespace(self, command: bytes) -> str:
        self._send(f'* NAMESPACE (("{self._mailbox.prefix}" "{self._mailbox.separator}")) NIL NIL')
        return "OK done"

    def _list(self, command: bytes) -> str:
        asked = self._names(command)[1]
        for name in self._mailbox.folders:
            if asked in ("*", name):
                self._send(f'* LIST ({self._mailbox.uses.get(name, "")}) "{self._mailbox.separator}" "{name}"')
        return "OK done"

    def _create(self, command: bytes) -> str:
        [name] = self._names(command)
        if name in self._mailbox.folders:
            return "NO [ALREADYEXISTS] exists"
        if "refused" in name:
            return "NO [CANNOT] refused"
        self._mailbox.folders[name] = Folder(len(self._mailbox.folders) + 1)
        return "OK done"

    def _subscribe(self, command: bytes) -> str:
        self._mailbox.subscribed.update(self._names(command))
        return "OK done"

    def _examine(self, command: bytes) -> str:
        [name] = self._names(command)
        if name not in self._mailbox.folders:
            return "NO [NONEXISTENT] unknown"
        self._selected = self._mailbox.folders[name]
        self._send(f"* {len(self._selected.messages)} EXISTS")
        self._send(f"* OK [UIDVALIDITY {self._selected.validity}] valid")
        self._send(f"* OK [UIDNEXT {self._selected.next_uid}] next")
        return "OK [READ-ONLY] done"

    def _uid_search(self, command: bytes) -> str:
        since = int(command.split()[3].partition(b":")[0])
        uids = [message.uid for message in self._selected.messages]
        self._send(" ".join(["* SEARCH", *(str(uid) for uid in uids if uid >= since or uid == uids[-1])]))
        return "OK done"

    def _fetch(self, command: bytes) -> str:
        wanted = set(map(int, command.split()[1].split(b",")))
        return self._send_messages(command, {number for number in wanted if number <= len(self._selected.messages)})

    def _uid_fetch(self, command: bytes) -> str:
        wanted = set(map(int, command.split()[2].split(b",")))
        return self._send_messages(command, {number for number, each in enumerate(self._selected.messages, 1) if each.uid in wanted})

    def _send_messages(self, command: bytes, numbers: set[int]) -> str:
        for number in sorted(numbers):
            message = self._selected.messages[number - 1]
            if b"HEADER.FIELDS" in command.upper():
                found = re.search(
                    rb"^message-id:[^\n]*\n(?:[ \t][^\n]*\n)*", message.content.partition(b"\r\n\r\n")[0] + b"\r\n", re.I | re.M
                )
                part, name = (found[0] if found else b"") + b"\r\n", "BODY[HEADER.FIELDS (MESSAGE-ID)]"
            else:
                self._mailbox.fetched += 1
                part, name = message.content, "BODY[]"
            facts = f'UID {message.uid} RFC822.SIZE {len(message.content)} INTERNALDATE "{message.date}"'
            self._send(f"* {number} FETCH ({facts} {name} {{{len(part)}}}\r\n".encode() + part + b")")
        return "OK done"

    def _status(self, command: bytes) -> str:
        self._send(f'* STATUS "{self._names(command)[0]}" (APPENDLIMIT 1000)')
        return "OK done"

    def _append(self, command: bytes) -> str:
        found, literal = _APPEND.match(command), _LITERAL.search(command)
        if not found or not literal:
            return "BAD not an APPEND with flags and a date"
        self._mailbox.appends += 1
        fault = self._mailbox.faults.get(self._mailbox.appends, "")
        size = int(literal[1])
        if not literal[2]:
            if self._mailbox.early and fault:
                return self._end(fault)
            self._send("+ go on")
        if fault == "cut":
            self._handler.rfile.read(size // 2)
            self._mailbox.kill()
            raise _Ended
        content = self._handler.rfile.read(size)
        assert self._handler.rfile.readline() == b"\r\n"
        [name], flags, date = [found[1].decode()], set(found[2].decode().split()), found[3].decode()
        if name not in self._mailbox.folders:
            return "NO [TRYCREATE] unknown"
        if self._mailbox.refuses_keywords and any(not flag.startswith("\\") for flag in flags):
            return "NO [CANNOT] no keywords"
        folder = self._mailbox.folders[name]
        if fault == "late":
            self._mailbox.late.append(lambda: folder.add(self._mailbox.rewrite(content), flags, date))
            raise _Ended
        if fault and fault != "lost":
            return self._end(fault)
        uid = folder.add(self._mailbox.rewrite(content), flags, date)
        if fault == "lost":
            self._mailbox.kill()
            raise _Ended
        return f"OK [APPENDUID {folder.validity} {uid}] done" if "UIDPLUS" in self._mailbox.capabilities else "OK done"

    def _end(self, fault: str) -> str:
        if fault.startswith("BYE"):
            self._send(f"* {fault}")
            raise _Ended
        return fault

    def _logout(self, command: bytes) -> str:
        self._mailbox.logouts += 1
        self._send("* BYE")
        return "OK done"


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: "_Server"

    def handle(self) -> None:
        _Session(self, self.server.mailbox).run()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mailbox: Mailbox, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mailbox = mailbox
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a client may refuse the certificate."""


@contextmanager
def running(mailbox: Mailbox, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server of this mailbox on the loopback interface, and return its port.

    Args:
        context: for TLS from the first byte; None for no encryption.
    """
    with _Server(mailbox, context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
