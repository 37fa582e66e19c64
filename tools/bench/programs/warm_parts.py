"""Load the function `app` of PYTHONPATH, process messages, and measure the parts of a warm call.

python -P warm_parts.py EVENT MESSAGES

The last line of the output has, as JSON, milliseconds of CPU time a message for each part, without those of the parts in it.
"""

import json
import sys
import time
from collections import Counter

UNCOUNTED = 20
REST = "the hook and the runtime"

_times: Counter[str] = Counter()
_open: list[str] = [REST]
_last = 0.0


def main(event: str, messages: str) -> None:
    import app

    from mailhooks.aws import message_flow
    from mailhooks.contract import MailFlowEvent, Verdict
    from mailhooks.hooks import preflight, report
    from mailhooks.mime import headers, message

    measure(message_flow, "_call", None)
    measure(headers, "scan", "scan")
    measure(message, "scan", "scan")
    measure(MailFlowEvent, "parse", "check of event and response")
    measure(Verdict, "to_response", "check of event and response")
    measure(preflight, "prepare_change", "check of the changed message")
    measure(report.Reporter, "report", "log and metrics")
    for number in range(UNCOUNTED + int(messages)):
        if number == UNCOUNTED:
            _times.clear()
        _switch()
        app.handler({**json.loads(event), "messageId": f"00000000-0000-4000-8000-{number:012d}", "invocationId": f"{number:032x}"}, None)
        _switch()
    print("\n" + json.dumps({part: seconds / int(messages) * 1000 for part, seconds in _times.items()}))


def measure(owner, name: str, part: str | None) -> None:
    """Add the time of a function to a part; None for the part that its first argument names."""
    call = getattr(owner, name)

    def measured(*arguments, **options):
        _switch()
        _open.append(part or arguments[0])
        try:
            return call(*arguments, **options)
        finally:
            _switch()
            _open.pop()

    setattr(owner, name, measured)


def _switch() -> None:
    """Add the time since the last switch to the current part."""
    global _last
    now = time.process_time()
    _times[_open[-1]] += now - _last
    _last = now


if __name__ == "__main__":
    main(*sys.argv[1:])
