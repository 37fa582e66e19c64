"""`python -m local serve`: the servers, until Ctrl-C."""

import json
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mailhooks.contract import ContractError, MailFlowEvent

from .commands import shown
from .errors import BadSample
from .functions import read_settings
from .samples import SETTINGS_FILE, Sample, load
from .workmail import LocalWorkMail

BUCKET = "rewritten-mail"


def serve(*, port: int, s3_port: int, events: Path, env_file: Path | None, export: bool) -> int:
    """Serves, and says on one screen what is there and what to do with it.

    Args:
        port: of the Message Flow API; 0 lets the system choose.
        s3_port: of S3, likewise.
        events: folder of the samples whose content is served.
        env_file: where to write `events/env.json` with these servers' variables; None for nowhere.
        export: print nothing but lines for a shell.

    Returns:
        0, when it was asked to stop.
    """
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda _n, _f: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        samples, settings = load(events), read_settings(events / SETTINGS_FILE)
        with LocalWorkMail(port=port, s3_port=s3_port, bucket=BUCKET, listener=None if export else _say) as wm:
            for sample in samples:
                _add(wm, sample)
            if env_file is not None:
                env_file.write_text(json.dumps(wm.sam_environment(settings), indent=2) + "\n", "utf-8")
            print(*(_exports(wm) if export else _screen(wm, samples)), sep="\n", flush=True)
            # Not for ever at once: on Windows a wait without end cannot be interrupted.
            while not stop.wait(1.0):
                pass
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _add(wm: LocalWorkMail, sample: Sample) -> None:
    try:
        event = MailFlowEvent.parse(sample.event)
    except ContractError as error:
        raise BadSample(f"{sample.stem}.json: {error}") from error
    wm.store.add(sample.raw, event.message_id, event.flow_direction)


def _exports(wm: LocalWorkMail) -> Iterator[str]:
    for name, value in wm.environment.items():
        yield f"export {name}={shlex.quote(value)}"


def _screen(wm: LocalWorkMail, samples: list[Sample]) -> Iterator[str]:
    yield "Local WorkMail is up. Ctrl-C stops it.\n"
    yield f"  Message Flow API  {wm.environment['AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW']}"
    yield f"  S3                {wm.environment['AWS_ENDPOINT_URL_S3']}   bucket {wm.bucket}, versioned\n"
    yield "Messages, by the messageId of their event:"
    yield from (f"  {sample.event['messageId']}  {sample.stem}" for sample in samples)
    yield "\nFor boto3 in another shell:"
    yield from (f"  {line}" for line in _exports(wm))
    yield from _next_steps(samples)
    yield "\nCalls:"


def _next_steps(samples: list[Sample]) -> Iterator[str]:
    if not samples:
        return
    first = next((sample for sample in samples if sample.function == "rewrite"), samples[0])
    yield "\nThere, for example:"
    yield "  aws workmailmessageflow get-raw-message-content \\"
    yield f"    --message-id {first.event['messageId']} out.eml"
    # Not a bare `sam local invoke` with these servers: from its container, 127.0.0.1 is the container itself (tests/e2e/relay.py).
    yield "\nIn a Lambda container, with a local WorkMail of its own (docs/deploy.md):"
    yield f"  PYTHONPATH=layers/mailhooks {shown(Path(sys.executable))} -m tests.e2e {first.stem}"


def _say(line: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {line}", flush=True)
