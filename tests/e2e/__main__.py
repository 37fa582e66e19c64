"""`python -m tests.e2e rewrite-external`: one of the sample messages through its function, in a Lambda container.

The samples, and the settings that go with them (`events/env.json`), are those of `make run`, which does the same without Docker.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.e2e.containers import Containers
from tests.e2e.sam import SamError, build
from tests.e2e.toolchain import Missing, find
from workmail_local.config.functions import ROOT, logical_id, mail_function, read_settings
from workmail_local.config.samples import InvalidSample, load_samples
from workmail_local.viewer.diff import LineDiff


def main(arguments: list[str]) -> str | None:
    """Prints what the function logged, its response, and what it changed. Returns why it could not, or None."""
    try:
        samples = load_samples(only=arguments)
        toolchain = find()
    except (InvalidSample, Missing) as error:
        return str(error)
    settings = read_settings(ROOT / "events" / "env.json")
    with tempfile.TemporaryDirectory() as workspace, Containers(build(toolchain, Path(workspace))) as containers:
        for sample in samples:
            called = mail_function(sample.function, settings)
            message_id = containers.store.add(sample.raw, sample.event["messageId"], sample.event["flowDirection"])
            try:
                answer = containers.invoke(logical_id(called.name), sample.event, called.environment)
            except SamError as error:
                return str(error)
            print(f"== {sample.stem}: {logical_id(called.name)}\n{answer.log.rstrip()}")
            print(f"response: {json.dumps(answer.response)}")
            print(f"Puts: {containers.store.puts(message_id)}")
            print(*LineDiff(sample.raw, containers.store.content(message_id)).excerpt(), sep="\n")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
