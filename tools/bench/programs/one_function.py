"""Load the function `app` of PYTHONPATH and process messages, as a new Lambda process does.

python -P one_function.py EVENT [MESSAGES [PAUSE]]

EVENT is JSON. After the first message come 20 that are not counted and MESSAGES that are; each has its own ID. PAUSE is in seconds, between
the load and the first message: a SnapStart function is restored there. The last line of the output has, as JSON, milliseconds of CPU time
and of wall time for each of the three steps, and the client of AWS in use: light or boto3.
"""

import json
import sys
import time

UNCOUNTED = 20


def main(event: str, messages: str = "0", pause: str = "0") -> None:
    started = _read_clocks()
    import app

    loaded = _since(started)
    time.sleep(float(pause))
    started = _read_clocks()
    _process(app, event, 0)
    first = _since(started)
    numbers = range(1, int(messages) + 1)
    for number in numbers and range(1, UNCOUNTED + 1):
        _process(app, event, number)
    started = _read_clocks()
    for number in numbers:
        _process(app, event, number)
    each = [milliseconds / (len(numbers) or 1) for milliseconds in _since(started)]
    print("\n" + json.dumps({"load": loaded, "first": first, "each": each, "client": _find_client()}))


def _process(app, event: str, number: int) -> None:
    ids = {"messageId": f"00000000-0000-4000-8000-{number:012d}", "invocationId": f"{number:032x}"}
    answer = app.handler({**json.loads(event), **ids}, None)
    if answer != {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}:
        sys.exit(f"the function did not deliver the message: {answer}")


def _find_client() -> str:
    """Return the client of AWS. The light client loads a session for boto3's only where it cannot serve a call itself."""
    return "light" if "mailhooks.aws.light_client" in sys.modules and "mailhooks.aws.session" not in sys.modules else "boto3"


def _read_clocks() -> tuple[float, float]:
    return time.process_time() * 1000, time.perf_counter() * 1000


def _since(started: tuple[float, float]) -> list[float]:
    return [now - before for now, before in zip(_read_clocks(), started, strict=True)]


if __name__ == "__main__":
    main(*sys.argv[1:])
