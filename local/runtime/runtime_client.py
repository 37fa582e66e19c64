"""The inside of a sandbox: loads one function, then answers one event after another. Run by `local.runtime.sandbox`, never imported.

Behaves as Lambda's Python runtime client does (awslambdaric, in AWS's base images as /var/runtime), so that a function cannot tell the
difference. Events come as lines of JSON on standard input, answers go as lines of JSON to standard output. The function gets neither: its
own standard input is empty, and what it prints goes to standard error, so that it can never be taken for an answer. Like Lambda's client
this knows nothing of what it runs.
"""

import importlib
import importlib.machinery
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, Any], Any]

ACCOUNT = "123456789012"
RESPONSE_LIMIT = 6_291_556
"""Bytes of a response (developer guide, "Lambda quotas": 6 MB, synchronous)."""
FRESH_S = 2.0
LIBRARY = "mailhooks"


class Fault(Exception):
    """What Lambda itself says of a function; the first argument is its errorType, the second its errorMessage."""


class Identity:
    """Lambda's CognitoIdentity: mail comes from no app that signs its users in."""

    cognito_identity_id = cognito_identity_pool_id = None


class Context:
    """Lambda's context object (developer guide, "Using the Lambda context object to retrieve Python function information")."""

    def __init__(self, request_id: str, ends_at: float) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.invoked_function_arn = f"arn:aws:lambda:{os.environ['AWS_REGION']}:{ACCOUNT}:function:{self.function_name}"
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = self.tenant_id = None
        self._ends_at = ends_at

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(0, int((self._ends_at - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Writes to the log as it is."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        return f"LambdaContext({', '.join(f'{name}={value}' for name, value in vars(self).items() if not name.startswith('_'))})"


class LambdaLoggerHandler(logging.Handler):
    """The handler that the root logger has before the function is loaded, which makes `logging.basicConfig` do nothing there."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """To standard output as it is now. An error in a record's arguments is the caller's, as in Lambda."""
        record.aws_request_id = self.request_id
        sys.stdout.write(self.format(record))

    @classmethod
    def install(cls) -> "LambdaLoggerHandler":
        """Puts one before everything else that logs."""
        logging.Formatter.converter = time.gmtime
        handler = cls()
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
        logging.getLogger().addHandler(handler)
        return handler


class Runtime:
    """One function, loaded at its first event."""

    def __init__(self, handler: str) -> None:
        self._name = handler
        self._handler: Handler | None = None
        self._log = LambdaLoggerHandler.install()

    def answer(self, request: dict[str, Any]) -> bytes:
        """The answer to one request, as JSON without a line end. What the function raises becomes an answer too, and a log entry."""
        self._log.request_id = request["requestId"]
        noise = os.urandom(20).hex()
        # Not sampled: the X-Ray SDK then makes no segments, and does not complain of having none.
        os.environ["_X_AMZN_TRACE_ID"] = f"Root=1-{int(time.time()):08x}-{noise[:24]};Parent={noise[24:]};Sampled=0"
        try:
            if self._handler is None:
                self._handler = load(self._name)
            response = self._handler(request["event"], Context(request["requestId"], request["endsAt"]))
            text = marshalled(response)
        except Exception as error:  # noqa: BLE001 - a function may raise anything; its sandbox goes on, as in Lambda
            said = described(error)
            log_error(said, error)
            # One that cannot be loaded is loaded anew by a new process, as in Lambda.
            return json.dumps({"error": said, "over": self._handler is None}).encode()
        return b'{"library": %s, "response": %s}' % (b"true" if LIBRARY in sys.modules else b"false", text)


def load(handler: str) -> Handler:
    """The function that `module.function` names; the module may be written as a path."""
    path, dot, name = handler.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    if path.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {path} as a handler module")
    try:
        module = importlib.import_module(path.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{path}': {error}") from error
    except SyntaxError as error:
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}") from error
    try:
        found: Handler = getattr(module, name)
    except AttributeError as error:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{path}'") from error
    return found


def marshalled(response: object) -> bytes:
    """A response as Lambda sends it."""
    try:
        # Bytes are sent as they are; here they have to be JSON, and in one line.
        text = ENCODER.encode(json.loads(response) if isinstance(response, bytes) else response).encode()
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    if len(text) > RESPONSE_LIMIT:
        said = f"Response payload size ({len(text)} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
        raise Fault("Function.ResponseSizeTooLarge", said)
    return text


def _more(value: object) -> object:
    """What Lambda's encoder, simplejson, takes beyond the standard library's."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


ENCODER = json.JSONEncoder(ensure_ascii=False, default=_more)


def described(error: Exception) -> str:
    """An error in one line. A fault of Lambda's own also names the exception behind it."""
    if not isinstance(error, Fault):
        return f"{type(error).__name__}: {error}"
    kind, message = error.args
    return f"{kind}: {message}" + (f" ({type(error.__cause__).__name__})" if error.__cause__ else "")


def log_error(said: str, error: Exception) -> None:
    """To the log, with the function's part of the traceback."""
    cause = error.__cause__ if isinstance(error, Fault) else error
    print(f"[ERROR] {said}", file=sys.stderr)
    if cause is not None:
        frames = cause.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        traceback.print_exception(cause.with_traceback(frames))


def distrust_fresh_bytecode() -> None:
    """QUIRK: bytecode counts as current when it notes the source's size and the second of its last change. A file that is saved twice in
    one second at the same length would go on as it was before. So for what has just been saved, bytecode is neither read nor written.
    """
    loader = importlib.machinery.SourceFileLoader
    stats = loader.path_stats

    def path_stats(self: importlib.machinery.SourceFileLoader, path: str) -> Any:
        found = stats(self, path)
        if time.time() - found["mtime"] < FRESH_S:
            raise OSError("just saved")  # which the loader takes for: no bytecode
        return found

    loader.path_stats = path_stats  # type: ignore[method-assign]


def end_with(requests: int) -> None:
    """Ends this process and all its children when nobody is left to ask it: the other end may be killed in the middle of a call."""

    def wait() -> None:
        poll = select.poll()
        poll.register(requests, 0)  # no event but the hang-up, which is always reported
        poll.poll()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


def main() -> None:
    """Answers until standard input ends."""
    requests, answers = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    end_with(requests)
    distrust_fresh_bytecode()
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    runtime = Runtime(os.environ["_HANDLER"])
    with open(requests, "rb") as lines, open(answers, "wb", buffering=0) as out:  # noqa: PTH123 - descriptors
        for line in lines:
            rest = memoryview(runtime.answer(json.loads(line)) + b"\n")
            while rest:
                rest = rest[out.write(rest) :]


if __name__ == "__main__":
    main()
