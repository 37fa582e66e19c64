"""Measure mail through a private Postfix, alone and with the gateway, the milter and altermime's script: messages per second, and memory.

It needs root in a container of Debian, as `make e2e` does for Postfix.
"""

import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.postfix.gateways import run_gateways
from tests.e2e.postfix.mail_path import WAYS, MailPath, run_mail_path
from tests.support.gateway_process import GatewayProcess
from tests.support.postfix import PACKAGES
from tests.support.servers.caldav import debian
from tests.support.smtp_peers import Client
from tests.support.waiting import wait_until
from tools.bench import large
from tools.bench.measure import print_bar

MESSAGES: Final = 10_000
"""Of each row. `make bench ONLY=postfix MESSAGES=1000` sends fewer."""

MEMORY_BAR: Final = 1.5

_MIB: Final = 1024 * 1024
_SENDERS: Final = 20
_OCTETS: Final = 10 * 1024
_NAMES: Final = {
    "plain": "Postfix alone",
    "milter": "Postfix with the milter",
    "proxy": "Postfix with the gateway as smtpd_proxy_filter",
    "lmtp": "Postfix with the gateway, LMTP filter",
    "smtp": "Postfix with the gateway, SMTP filter",
    "script": "Postfix with altermime's script as filter",
}
_TEXT: Final = "Confidential."

_SCRIPT: Final = """\
#!/bin/sh
# The script of altermime's documentation (postfix-altermime-howto), for this instance of Postfix.
trap "rm -f in.$$" 0 1 2 3 15
cd {folder} || exit 75
cat >in.$$ || exit 75
/usr/bin/altermime --input=in.$$ --disclaimer={folder}/disclaimer.txt --disclaimer-html={folder}/disclaimer.txt || exit 69
/usr/sbin/sendmail -C {etc} -oi "$@" <in.$$
"""


@dataclass(frozen=True)
class _Throughput:
    accepted: float
    delivered: float
    lost: int
    doubled: int
    unchanged: int


def main(messages: int) -> None:
    try:
        debian.require(PACKAGES | {"altermime": "/usr/bin/altermime"})
    except debian.Missing as missing:
        print(f"\nPostfix: skipped: {missing}")
        return
    with tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            _allow_sendmail(folder / "path/etc"),
            run_mail_path(folder / "path", script=_write_script(folder)) as path,
            run_gateways(path, folder / "gateways") as processes,
        ):
            _measure_throughput(path, processes, messages)
            _measure_large_message(path, processes)


def _measure_throughput(path: MailPath, processes: dict[str, GatewayProcess], messages: int) -> None:
    print(f"\nPostfix: {messages:,} messages of 10 KB from {_SENDERS} senders, each with a disclaimer but for Postfix alone")
    alone = 0.0
    for way, name in _NAMES.items():
        found = _send_many(path, way, messages)
        alone = alone or found.delivered
        process = processes.get(way)
        memory = f"; resident {_read_memory(process, 'VmRSS') / _MIB:.0f} MiB" if process else ""
        print(
            f"  {name:44} {found.accepted:6,.0f}/s accepted, {found.delivered:6,.0f}/s delivered, "
            f"{found.delivered / alone:5.2f} of Postfix alone{memory}",
            flush=True,
        )
        print_bar(f"{name}, lost messages", found.lost, 0)
        print_bar(f"{name}, messages delivered twice", found.doubled, 0)
        print_bar(f"{name}, messages without the text", found.unchanged, messages if way == "plain" else 0)


def _send_many(path: MailPath, way: str, messages: int) -> _Throughput:
    """Send messages by Postfix's own smtp-source, and wait until they are delivered."""
    path.sink.received.clear()
    addresses = ["-f", "nora@example.net", "-t", "ana@example.com", "-S", "Disclaimer"]
    command = ["/usr/sbin/smtp-source", "-s", str(_SENDERS), "-m", str(messages), "-l", str(_OCTETS), *addresses]
    started = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{path.listeners[way]}"], check=True)
    accepted = time.perf_counter() - started
    while len(path.sink.received) < messages and path.postfix.list_queue():
        time.sleep(0.1)
    delivered = time.perf_counter() - started
    path.wait()
    copies = Counter(_read_id(each.content) for each in path.sink.received)
    unchanged = sum(_TEXT.encode() not in each.content for each in path.sink.received)
    return _Throughput(messages / accepted, messages / delivered, messages - len(copies), copies.total() - len(copies), unchanged)


def _read_id(content: bytes) -> bytes:
    return content.partition(b"\r\nMessage-Id: ")[2].partition(b"\r\n")[0]


def _measure_large_message(path: MailPath, processes: dict[str, GatewayProcess]) -> None:
    """Measure a message of 38 MiB: the time until it is delivered, and the memory that a new process needs for it."""
    print("\nPostfix: a message of 38 MiB with a disclaimer; the peak of a process that had served small messages before")
    by_size = sorted((b"Subject: Disclaimer\r\n" + raw for _, raw, _ in large.messages()), key=len)
    small, whole = by_size[0], by_size[-1]
    for way in WAYS:
        process = processes[way]
        process.stop()
        process.start()
        for _ in range(20):
            _send(path, way, small)
        before = _read_memory(process, "VmRSS")
        seconds = _send(path, way, whole)
        peak = _read_memory(process, "VmHWM") - before
        print(f"  {_NAMES[way]:44} {seconds:5.2f} s; {before / _MIB:.0f} MiB, and {peak / _MIB:.0f} MiB more")
        print_bar(f"{_NAMES[way]}, memory for a message of 38 MiB", peak / len(whole), MEMORY_BAR, "times the message")


def _send(path: MailPath, way: str, content: bytes) -> float:
    """Send a message, and return the seconds until it is delivered."""
    path.sink.received.clear()
    started = time.perf_counter()
    with Client(path.listeners[way]) as client:
        reply = client.send(content)
    if not reply.startswith("250"):
        raise RuntimeError(f"the message was rejected: {reply}")
    wait_until(lambda: path.sink.received)
    seconds = time.perf_counter() - started
    if _TEXT.encode() not in path.sink.received[0].content:
        raise RuntimeError("the message has no disclaimer, so the figures would be those of an error")
    return seconds


def _read_memory(process: GatewayProcess, name: str) -> int:
    """Return octets of a process's memory: VmRSS now, VmHWM at most so far."""
    status = Path(f"/proc/{process.id}/status").read_text("ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _write_script(folder: Path) -> Path:
    inspected = folder / "altermime"
    inspected.mkdir()
    shutil.chown(inspected, "nobody")
    (inspected / "disclaimer.txt").write_text(f"{_TEXT}\n", "ascii")
    script = inspected / "disclaimer"
    script.write_text(_SCRIPT.format(folder=inspected, etc=folder / "path/etc"), "ascii")
    script.chmod(0o755)
    return script


@contextmanager
def _allow_sendmail(etc: Path) -> Iterator[None]:
    """Let users without rights send mail by a private instance: the system's own main.cf lists its folder, until the block ends."""
    file = Path("/etc/postfix/main.cf")
    before = file.read_bytes() if file.exists() else None
    with file.open("ab") as opened:
        opened.write(f"\nalternate_config_directories = {etc}\n".encode())
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
