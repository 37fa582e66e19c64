"""Expands calendars by ical.js 2.2.1 (npm, MPL 2.0), as an independent judge. It runs in the node of Playwright."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright._impl._driver import compute_driver_executable


@dataclass
class IcalJs:
    """A running process of ical.js."""

    process: "subprocess.Popen[str]"

    def expand(self, content: bytes, end: datetime) -> set[tuple[datetime, datetime]] | str:
        """Return the times of all recurrences that begin before a time, or the text of an error."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"content": content.decode(), "end": end.timestamp()}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, str):
            return answer
        return {(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(last, UTC)) for start, last in answer}


def starts() -> bool:
    """Return whether this machine has the libraries of Playwright's node."""
    return subprocess.run([compute_driver_executable()[0], "--version"], capture_output=True).returncode == 0


@contextmanager
def running() -> Iterator[IcalJs]:
    """Start ical.js, and end it with the context."""
    node = compute_driver_executable()[0]
    script = Path(__file__).with_name("expand.cjs")
    with subprocess.Popen([node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield IcalJs(process)
        assert process.stdin
        process.stdin.close()
