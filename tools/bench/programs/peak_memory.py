"""Process messages by the function `app` of PYTHONPATH, one after the other, and print the peak of memory in bytes after each.

python -P peak_memory.py EVENT MESSAGE_ID...
"""

import json
import sys
from pathlib import Path


def main(event: str, *message_ids: str) -> None:
    import app

    for message_id in message_ids:
        app.handler({**json.loads(event), "messageId": message_id}, None)
        print(f"\npeak {_read_peak()}")


def _read_peak() -> int:
    """Return bytes, from Linux's /proc: there `ru_maxrss` includes the memory of the parent at the fork."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(*sys.argv[1:])
