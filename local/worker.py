"""The inside of a sandbox: loads one function, then answers one event after another. Run by `local.sandbox`, never imported.

Events come as lines of JSON on standard input, answers go as lines of JSON to standard output. What the function itself prints goes to
standard error, so that it can never be taken for an answer. Like Lambda's own runtime client this knows nothing of what it runs.
"""

import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Handler = Callable[[Any, Any], Any]


class Context:
    """Lambda's context object, as far as it means something here."""

    def __init__(self, request_id: str, timeout_s: float) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.invoked_function_arn = f"arn:aws:lambda:{os.environ['AWS_REGION']}:123456789012:function:{self.function_name}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "local"
        self.identity = self.client_context = None
        self._ends_at = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(0, int((self._ends_at - time.monotonic()) * 1000))


def load(path: Path) -> Handler:
    """The function's `handler`, with the function's own folder importable, as in /var/task."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["app"] = module
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def answer(path: Path, loaded: list[Handler], request: dict[str, Any]) -> str:
    """The answer to one request, as JSON. Whatever the function raises becomes an answer too, and its traceback a log entry."""
    try:
        if not loaded:
            loaded.append(load(path))
        response = loaded[0](request["event"], Context(request["requestId"], request["timeoutS"]))
        return json.dumps({"response": response})
    except Exception as error:  # noqa: BLE001 - a function may raise anything; its sandbox goes on, as in Lambda
        traceback.print_exc()
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """Answers until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        loaded: list[Handler] = []
        for line in sys.stdin:
            print(answer(Path(sys.argv[1]), loaded, json.loads(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
