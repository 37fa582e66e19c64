"""The process of a sandbox: loads one function and answers one event after another. Run by `workmail_local.runtime.sandbox`.

It behaves as Lambda's Python runtime client (awslambdaric, in AWS's base images under /var/runtime). Events arrive as lines of JSON on
standard input, responses leave as lines of JSON on standard output. The function gets neither: its standard input is empty, and its output
goes to standard error, so that it cannot be mistaken for a response. Like Lambda's client, this module imports nothing of the project.
"""

import importlib
import importlib.machinery
import json
import logging
import os
import re
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

Handler = Callable[[Any, Any], Any]

ACCOUNT = "123456789012"
RESPONSE_LIMIT = 6_291_556
"""Bytes of a response (developer guide, "Lambda quotas": 6 MB, synchronous)."""
RECENT_S = 2.0
LIBRARY = "mailhooks"
PROJECT = "workmail_local"
AWS_DOMAINS = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".amazonwebservices.com.cn", ".amazonwebservices.eu", ".api.aws", ".aws.dev"),
    *(".adc-e.uk", ".ic.gov", ".scloud", ".sgov.gov"),
)
AWS_HOSTS = (
    *AWS_DOMAINS,
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    ".127.0.0.1",
    "-127.0.0.1",
)
"""Ends of the hosts of AWS's services and of its credentials; and a prefix before the local host, which DNS would be asked for."""
CONNECTIONS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.connect"})
PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"})
"""Audit events of Python."""
NOT_OF_THE_FUNCTION = (__file__, importlib.__file__, "<frozen importlib.")
"""How the file names of frames begin that are not of the function."""
HOST = re.compile(rf"[\w.-]{{0,255}}(?:{'|'.join(map(re.escape, AWS_DOMAINS))})(?![\w.-]*\w)", re.ASCII | re.IGNORECASE)
"""A host of AWS in a command line."""


class RuntimeFault(Exception):
    """An error that Lambda itself reports about a function; the arguments are its errorType and errorMessage."""


class AwsNotReachable(Exception):
    """A function tried to reach AWS itself: the mail that it processes must not leave this machine."""


class Identity:
    """Lambda's CognitoIdentity, empty: mail comes from no app with signed-in users."""

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
        """Return the milliseconds until Lambda ends the invocation."""
        return max(0, int((self._ends_at - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Write to the log without formatting."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        return f"LambdaContext({', '.join(f'{name}={value}' for name, value in vars(self).items() if not name.startswith('_'))})"


class LambdaLoggerHandler(logging.Handler):
    """The handler of the root logger before the function is loaded. Because of it, `logging.basicConfig` has no effect, as in Lambda."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the current standard output. Raises for wrong arguments of a record, as in Lambda."""
        record.aws_request_id = self.request_id
        sys.stdout.write(self.format(record))

    @classmethod
    def install(cls) -> "LambdaLoggerHandler":
        """Add a handler with Lambda's format to the root logger."""
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
        """Call the function and return its response as one line of JSON. An exception becomes an error response and a log entry."""
        self._log.request_id = request["requestId"]
        noise = os.urandom(20).hex()
        # Not sampled: the X-Ray SDK then creates no segments, and logs no error about a missing one.
        os.environ["_X_AMZN_TRACE_ID"] = f"Root=1-{int(time.time()):08x}-{noise[:24]};Parent={noise[24:]};Sampled=0"
        try:
            if self._handler is None:
                self._handler = load_handler(self._name)
            response = self._handler(request["event"], Context(request["requestId"], request["endsAt"]))
            text = encode_response(response)
        except Exception as error:  # noqa: BLE001 - a function may raise anything; its process continues, as in Lambda
            message = describe_error(error)
            log_error(message, error)
            # A function that cannot be loaded is loaded again by a new process, as in Lambda.
            return json.dumps({"error": message, "unloadable": self._handler is None}).encode()
        return b'{"library": %s, "response": %s}' % (b"true" if LIBRARY in sys.modules else b"false", text)


def load_handler(handler: str) -> Handler:
    """Import the function named `module.function`; the module may be a path with slashes."""
    path, dot, name = handler.rpartition(".")
    if not dot:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    if path.split(".")[0] in sys.builtin_module_names:
        raise RuntimeFault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {path} as a handler module")
    try:
        module = importlib.import_module(path.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault("Runtime.ImportModuleError", f"Unable to import module '{path}': {error}") from error
    except SyntaxError as error:
        raise RuntimeFault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}") from error
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(bool(error.code))
        raise RuntimeFault("Runtime.ExitError", f"its process ended (exit status {status}) while it loaded module '{path}'") from error
    try:
        found: Handler = getattr(module, name)
    except AttributeError as error:
        raise RuntimeFault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{path}'") from error
    return found


def encode_response(response: object) -> bytes:
    """Encode a response as Lambda does. Bytes are sent unchanged; here they have to be JSON, in one line."""
    try:
        text = ENCODER.encode(json.loads(response) if isinstance(response, bytes) else response).encode()
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    if len(text) > RESPONSE_LIMIT:
        message = f"Response payload size ({len(text)} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
        raise RuntimeFault("Function.ResponseSizeTooLarge", message)
    return text


def _encode_other(value: object) -> object:
    """Convert the types that Lambda's encoder, simplejson, accepts and the standard library's does not."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


ENCODER = json.JSONEncoder(ensure_ascii=False, default=_encode_other)


def describe_error(error: Exception) -> str:
    """Describe an error by its kind and text. A fault of Lambda also names the exception behind it."""
    if not isinstance(error, RuntimeFault):
        return f"{type(error).__name__}: {error}"
    kind, message = error.args
    return f"{kind}: {message}" + (f" ({type(error.__cause__).__name__})" if error.__cause__ else "")


def log_error(message: str, error: Exception) -> None:
    """Log an error with the frames of the function, without those of this module and of Python's import before them."""
    cause = error.__cause__ if isinstance(error, RuntimeFault) else error
    print(f"[ERROR] {message}", file=sys.stderr)
    if cause is not None:
        frames = cause.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(NOT_OF_THE_FUNCTION):
            frames = frames.tb_next
        traceback.print_exception(cause.with_traceback(frames))


def ignore_recent_bytecode() -> None:
    """Neither read nor write the bytecode of a file that was saved a moment ago.

    QUIRK: bytecode is valid when it names the source's size and the second of its last change. After a second save in the same second, at
    the same length, Python would run the old code.
    """
    loader = importlib.machinery.SourceFileLoader
    read_stats = loader.path_stats

    def path_stats(self: importlib.machinery.SourceFileLoader, path: str) -> Any:
        stats = read_stats(self, path)
        if time.time() - stats["mtime"] < RECENT_S:
            raise OSError("saved a moment ago")  # the loader then uses no bytecode
        return stats

    type.__setattr__(loader, "path_stats", path_stats)


def block_aws() -> None:
    """Make a connection to AWS an error, except to a host in one of the endpoint variables (`AWS_ENDPOINT_URL_S3`, ...).

    The variables lead boto3 to the local servers. This is for the calls that do not follow them: an own `endpoint_url`, an older SDK, a
    signed request without an SDK, a service whose calls get a prefix before the host, and a program such as curl whose command line has
    the host. A program that finds the host in another way is not stopped.
    """
    urls = [value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")]
    allowed = {urlsplit(url).hostname for url in urls}

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROGRAMS:
            # Not the last argument of os.exec and os.posix_spawn, the environment: it may have the allowed URLs.
            hosts = HOST.findall(str(arguments[:2]))
        elif event in CONNECTIONS:
            host = arguments[1] if event == "socket.connect" else arguments[0]
            host = host[0] if isinstance(host, tuple) and host else host
            hosts = [host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)]
        else:
            return
        for name in (host.lower().rstrip(".") for host in hosts):
            if name not in allowed and name.endswith(AWS_HOSTS):
                raise AwsNotReachable(
                    f"{name} is not called, so that no mail reaches AWS. Let boto3 find the endpoint (without endpoint_url), or set the "
                    'variable AWS_ENDPOINT_URL_<SERVICE ID> of the function: docs/local.md, "Other AWS services".'
                )

    sys.addaudithook(check)


class ProjectFinder:
    """Makes an import of the local WorkMail an error, as in Lambda, where only the library is."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """See importlib.abc.MetaPathFinder. Raises ModuleNotFoundError for the local WorkMail and leaves others to the next finder."""
        if name.partition(".")[0] == PROJECT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def hide_project() -> None:
    """Hide the local WorkMail, and the other folders of a clone, which an editable installation adds to the path."""
    sys.meta_path.insert(0, ProjectFinder)
    sys.path[:] = [folder for folder in sys.path if not os.path.isfile(f"{folder}/{PROJECT}/../pyproject.toml")]  # noqa: PTH113


def end_with_parent(requests: int) -> None:
    """Kill this process and its children when the other end of standard input closes: the parent may be killed during a call."""

    def wait() -> None:
        poll = select.poll()
        poll.register(requests, 0)  # no event but the hang-up, which is always reported
        [(_, reported)] = poll.poll()
        # POLLNVAL: this process has closed its own end, because it is ending. Its status is not to be that of a kill.
        if not reported & select.POLLNVAL:
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


def main() -> None:
    """Answer requests until standard input ends."""
    requests, answers = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    end_with_parent(requests)
    ignore_recent_bytecode()
    block_aws()
    hide_project()
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    runtime = Runtime(os.environ["_HANDLER"])
    with open(requests, "rb") as lines, open(answers, "wb", buffering=0) as out:  # noqa: PTH123 - descriptors
        for line in lines:
            rest = memoryview(runtime.answer(json.loads(line)) + b"\n")
            while rest:
                rest = rest[out.write(rest) :]


if __name__ == "__main__":
    main()
