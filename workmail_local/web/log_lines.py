"""Reads a function's log as a reader wants it: JSON lines as time, level, message and fields; metrics and tracebacks folded."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from workmail_local.runtime.logs import read_entry, read_metrics

_TIMES: Final = ("timestamp", "time")
_LEVELS: Final = ("level", "log_level", "severity")
_TEXTS: Final = ("message", "msg")
_LAMBDA: Final = re.compile(r"\[(?P<level>[A-Z]+)\](?:\t(?P<time>[^\t]*Z)\t[^\t]*\t| )(?P<text>.*)", re.DOTALL)
"""Lambda's format of a log record, and its first line about an error."""

_QUIET: Final = re.compile(r"(?:START|END|REPORT) RequestId: |INIT_START |XRAY TraceId: ")
"""Lambda's own lines about an invocation."""

_TRACEBACK: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r'  File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<name>.*))?')
_FOREIGN: Final = re.compile(r"/site-packages/|/dist-packages/|/lib/python3|/mailhooks/|/workmail_local/runtime/|^<")
"""Files of libraries, of Python and of this project: the author of a function looks for a frame in none of them."""

_MAX_LINES: Final = 1000


class Frame(NamedTuple):
    """A frame of a traceback: the last one in the function's own code. `code` is the line of the source."""

    place: str
    code: str


class Traceback(NamedTuple):
    """An exception: its last line, the function's own frame, and all lines."""

    error: str
    frame: Frame | None
    text: str


class LogLine(NamedTuple):
    """A line of a log, or several that belong together.

    Attributes:
        kind: entry, metrics, quiet, traceback or text.
        time: as text; "" if the line has none.
        fields: the other fields of a JSON line, by name.
        tracebacks: of a JSON line: those in its fields, by name.
        raw: as printed.
    """

    kind: str
    raw: str
    time: str = ""
    level: str = ""
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    tracebacks: tuple[Traceback, ...] = ()

    @property
    def is_serious(self) -> bool:
        """Whether the level is WARNING or above."""
        return self.level in {"WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"}


def read_log(log: str) -> list[LogLine]:
    """Return the lines of a log; adjacent lines that are printed text are one."""
    lines = [line for line in _split(log.split("\n")[:_MAX_LINES]) if line.raw.strip()]
    found: list[LogLine] = []
    for kind, group in groupby(lines, key=lambda line: line.kind):
        if kind in {"text", "quiet"}:
            found.append(LogLine(kind, "\n".join(line.raw for line in group)))
        else:
            found += group
    return found


def _split(lines: list[str]) -> Iterator[LogLine]:
    at = 0
    while at < len(lines):
        end = _find_end(lines, at) if lines[at] == _TRACEBACK else at + 1
        raw = "\n".join(lines[at:end])
        yield LogLine("traceback", raw, tracebacks=(read_traceback(raw),)) if lines[at] == _TRACEBACK else _read_line(raw)
        at = end


def _find_end(lines: list[str], start: int) -> int:
    """Return the index after a traceback: frames are indented, and the line of the exception follows; then perhaps a further one."""
    at = start + 1
    while at < len(lines) and (lines[at].startswith(" ") or not lines[at]):
        at += 1
    at += 1
    # "During handling of the above exception, another exception occurred:" has an empty line before and after it.
    following = lines[at : at + 4]
    if len(following) == 4 and not following[0] and following[1].endswith(":") and not following[2] and following[3] == _TRACEBACK:
        return _find_end(lines, at + 3)
    return min(at, len(lines))


def read_traceback(text: str) -> Traceback:
    """Return a traceback with the frame that its reader looks for: the innermost in the function's own code."""
    lines = text.rstrip("\n").split("\n")
    error = next((line for line in reversed(lines) if line and not line.startswith(" ")), "")
    own = None
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if (found := _FRAME.fullmatch(line)) and not _FOREIGN.search(found["file"]):
            code = following.strip() if following.startswith("    ") else ""
            name = f", {found['name']}" if found["name"] else ""
            own = Frame(f"{found['file'].rpartition('/')[2]}:{found['line']}{name}", code)
    return Traceback(error, own, text)


def _read_line(line: str) -> LogLine:
    if entry := read_entry(line):
        return _read_metrics(entry, line) or _read_json(entry, line)
    if _QUIET.match(line):
        return LogLine("quiet", line)
    if found := _LAMBDA.fullmatch(line):
        return LogLine("entry", line, _format_time(found["time"] or ""), found["level"], found["text"])
    return LogLine("text", line)


def _read_metrics(entry: dict[str, Any], line: str) -> LogLine | None:
    values, _ = read_metrics(entry)
    if not values:
        return None
    shown = [f"{name} {value}{' ms' * (unit == 'Milliseconds')}" for name, (value, unit) in values.items() if value != "0"]
    return LogLine("metrics", line, text=", ".join(shown) or "all are 0")


def _read_json(entry: dict[str, Any], line: str) -> LogLine:
    time, level, text = (_find_first(entry, names) for names in (_TIMES, _LEVELS, _TEXTS))
    rest = {name: _format_value(value) for name, value in entry.items()}
    tracebacks = tuple(read_traceback(value) for value in rest.values() if value.startswith(_TRACEBACK))
    fields = tuple((name, value) for name, value in rest.items() if not value.startswith(_TRACEBACK))
    return LogLine("entry", line, _format_time(time), level.upper(), text, fields, tracebacks)


def _find_first(entry: dict[str, Any], names: tuple[str, ...]) -> str:
    """Remove the first of these fields from an entry and return its value; "" for none."""
    name = next((name for name in names if name in entry), "")
    return _format_value(entry.pop(name)) if name else ""


def _format_value(value: Any) -> str:
    """Format a value: a list of texts with commas, other JSON as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _format_time(text: str) -> str:
    """Format the time of a line as the time of day here; another text stays as it is."""
    try:
        return f"{datetime.fromisoformat(text.replace(',', '.')).astimezone():%H:%M:%S.%f}"[:-3]
    except (ValueError, OverflowError):
        return text
