"""Handler, context, variables, response and log of a function, compared with Lambda's Python runtime."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.functions import app, write
from workmail_local.config.functions import Function
from workmail_local.runtime.process import LOG_LIMIT
from workmail_local.runtime.sandbox import Invocation, Sandbox

Call = Callable[..., Invocation]


@pytest.fixture
def call() -> Iterator[Call]:
    """`call(function, event, REWRITE_BUCKET="x")`: its first invocation."""
    made: list[Sandbox] = []

    def once(function: Function, event: object = None, **variables: str) -> Invocation:
        made.append(Sandbox(function, variables))
        return made[-1].invoke({} if event is None else event, "r-1", 10)

    yield once
    for each in made:
        each.close()


class TestHandler:
    @pytest.mark.parametrize(
        "file, handler",
        [
            ("app.py", "app.lambda_handler"),
            ("lambda_function.py", "lambda_function.lambda_handler"),
            ("src/app.py", "src/app.lambda_handler"),
            ("src/app.py", "src.app.lambda_handler"),
            ("src/hooks/mail-flow.py", "src/hooks/mail-flow.lambda_handler"),
            ("json.py", "app.json.lambda_handler"),
        ],
    )
    def test_is_named_as_in_lambda(self, file: str, handler: str, tmp_path: Path, call: Call) -> None:
        if handler.startswith("app."):
            file = file if file == "app.py" else f"app/{file}"
        function = write(tmp_path, {file: "def lambda_handler(event, context):\n    return __name__"}, handler=handler)
        assert call(function).response == handler.rpartition(".")[0].replace("/", ".")

    @pytest.mark.parametrize(
        "source, handler, error",
        [
            ("import no_such", "app.handler", "Runtime.ImportModuleError: Unable to import module 'app': No module named 'no_such'"),
            ("", "other.handler", "Runtime.ImportModuleError: Unable to import module 'other': No module named 'other'"),
            ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError: Syntax error in module 'app': invalid syntax"),
            ("x = 1", "app.handler", "Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'"),
            ("x = 1", "handler", "Runtime.MalformedHandlerName: Bad handler 'handler'"),
            ("x = 1", "sys.exit", "Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module"),
            ("import os\nBUCKET = os.environ['BUCKET']", "app.handler", "KeyError: 'BUCKET'"),
            ("import sys\nsys.exit(4)", "app.handler", "Runtime.ExitError: its process ended (exit status 4) while it loaded module 'app'"),
        ],
    )
    def test_that_is_missing_is_lambdas_error(self, source: str, handler: str, error: str, tmp_path: Path, call: Call) -> None:
        assert (call(app(tmp_path, source, handler=handler)).error or "").startswith(error)

    def test_that_cannot_be_loaded_is_loaded_again_by_a_new_process(self, tmp_path: Path) -> None:
        box = Sandbox(app(tmp_path, "import os\nraise RuntimeError(os.getpid())"), {})
        first, second = box.invoke({}, "r-1", 10), box.invoke({}, "r-2", 10)
        box.close()
        assert first.error != second.error
        assert (first.cold, second.cold) == (True, True)

    def test_cannot_import_the_local_workmail(self, tmp_path: Path, call: Call) -> None:
        error = call(app(tmp_path, "from workmail_local.workmail import LocalWorkMail")).error
        assert error == "Runtime.ImportModuleError: Unable to import module 'app': No module named 'workmail_local' (ModuleNotFoundError)"

    def test_finds_the_library_but_no_folder_of_the_clone(self, tmp_path: Path, call: Call) -> None:
        source = """
            import os, sys, mailhooks
            def handler(event, context):
                return [folder for folder in sys.path if os.path.isfile(f"{folder}/template.yaml")]
            """
        assert call(app(tmp_path, source)).response == []

    def test_in_a_removed_folder_is_an_error(self, tmp_path: Path, call: Call) -> None:
        done = call(Function("hook", tmp_path / "gone" / "app.py"))
        assert done.error == "its process cannot be started: No such file or directory"


class TestResponse:
    @pytest.mark.parametrize(
        "returned, response",
        [
            ("None", None),
            ("(1, 'x')", [1, "x"]),
            ("{1: True, None: 2}", {"1": True, "null": 2}),
            ("{'n': decimal.Decimal('7'), 'm': decimal.Decimal('1.5')}", {"n": 7, "m": 1.5}),
            ("{'b': b'abc'}", {"b": "abc"}),
            ("json.dumps({'actions': []}, indent=1).encode()", {"actions": []}),
            ("'Gr\\u00fc\\u00dfe \\u2028'", "Grüße \u2028"),
        ],
    )
    def test_is_encoded_as_lambda_does(self, returned: str, response: object, tmp_path: Path, call: Call) -> None:
        assert call(app(tmp_path, f"import decimal, json\ndef handler(event, context):\n    return {returned}")).response == response

    @pytest.mark.parametrize("returned", ["{1, 2}", "datetime.datetime.now()", "object()", "{(1, 2): 3}", "b'no JSON'", "'\\ud800'"])
    def test_that_cannot_be_encoded_is_a_marshal_error(self, returned: str, tmp_path: Path, call: Call) -> None:
        done = call(app(tmp_path, f"import datetime\ndef handler(event, context):\n    return {returned}"))
        assert (done.error or "").startswith("Runtime.MarshalError: Unable to marshal response: ")
        assert done.response is None

    def test_of_more_than_six_megabytes_is_rejected(self, tmp_path: Path) -> None:
        box = Sandbox(app(tmp_path, "def handler(event, context):\n    return 'x' * event['n']"), {})
        largest, larger = box.invoke({"n": 6_291_554}, "r-1", 10), box.invoke({"n": 6_291_555}, "r-2", 10)
        box.close()
        assert (largest.error, len(largest.response)) == (None, 6_291_554)
        assert (larger.error or "").startswith("Function.ResponseSizeTooLarge: Response payload size (6291557 bytes) exceeded")
        assert larger.cold is False

    def test_to_a_large_event_is_complete(self, tmp_path: Path, call: Call) -> None:
        event = {"text": "é" * 1_000_000}
        assert call(app(tmp_path, "def handler(event, context):\n    return event"), event).response == event

    @pytest.mark.parametrize(
        "ending, status",
        [
            ("sys.exit(3)", "exit status 3"),
            ("sys.exit()", "exit status 0"),
            ("os._exit(5)", "exit status 5"),
            ("os.kill(os.getpid(), 9)", "signal SIGKILL"),
            ("raise KeyboardInterrupt", "signal SIGINT"),
        ],
    )
    def test_of_a_process_that_ends_is_an_exit_error(self, ending: str, status: str, tmp_path: Path) -> None:
        box = Sandbox(
            app(tmp_path, f"import os, sys\ndef handler(event, context):\n    if event:\n        {ending}\n    return 'well'"), {}
        )
        ended, again = box.invoke({"end": 1}, "r-1", 10), box.invoke({}, "r-2", 10)
        box.close()
        assert ended.error == f"Runtime.ExitError: its process ended ({status})"
        assert (again.response, again.cold) == ("well", True)

    def test_comes_from_a_new_process_after_the_old_one_has_ended(self, tmp_path: Path) -> None:
        box = Sandbox(app(tmp_path, "import os\ndef handler(event, context):\n    return os.getpid()"), {})
        first = box.invoke({}, "r-1", 10).response
        os.kill(first, 9)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        again = box.invoke({}, "r-2", 10)
        box.close()
        assert (again.error, again.cold) == (None, True)
        assert again.response != first


class TestVariables:
    def test_are_those_of_lambda(self, tmp_path: Path, call: Call) -> None:
        source = """
            import os, sys, time
            def handler(event, context):
                return [dict(os.environ), os.getcwd(), sys.path[0], sys.stdin.read(), time.tzname[0]]
            """
        seen, folder, path, stdin, zone = call(app(tmp_path, source, memory_mb=256)).response
        expected = {
            "AWS_LAMBDA_FUNCTION_NAME": "hook",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hook",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "TZ": ":UTC",
            "_HANDLER": "app.handler",
        }
        assert {name: seen.get(name) for name in expected} == expected
        assert seen["_X_AMZN_TRACE_ID"].endswith(";Sampled=0")
        assert (folder, path, stdin, zone) == (str(tmp_path), str(tmp_path), "", "UTC")

    def test_contain_the_given_region_and_keys(self, tmp_path: Path, call: Call) -> None:
        given = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "another", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "t"}
        seen = call(app(tmp_path, "import os\ndef handler(event, context):\n    return dict(os.environ)"), **given).response
        assert given.items() <= seen.items()
        assert seen["AWS_DEFAULT_REGION"] == "eu-west-1"

    def test_have_no_session_token_for_keys_without_one(self, tmp_path: Path, call: Call) -> None:
        source = "import os\ndef handler(event, context):\n    return 'AWS_SESSION_TOKEN' in os.environ"
        assert call(app(tmp_path, source), AWS_ACCESS_KEY_ID="another", AWS_SECRET_ACCESS_KEY="secret").response is False

    def test_the_context_is_complete(self, tmp_path: Path, call: Call) -> None:
        source = """
            def handler(event, context):
                names = ["function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "aws_request_id",
                         "log_group_name", "log_stream_name", "client_context", "tenant_id"]
                context.log("said\\n")
                repr(context)
                identity = [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
                return [getattr(context, name) for name in names] + identity
            """
        done = call(app(tmp_path, source))
        arn = "arn:aws:lambda:us-east-1:123456789012:function:hook"
        assert done.response == ["hook", "$LATEST", arn, "512", "r-1", "/aws/lambda/hook", "local", None, None, None, None]
        assert done.log == "said\n"


class TestLog:
    def test_has_warnings_by_default_and_info_after_the_level_is_set(self, tmp_path: Path, call: Call) -> None:
        source = """
            import logging
            logging.basicConfig(level=logging.DEBUG, format="never seen")
            logger = logging.getLogger()
            def handler(event, context):
                logging.info("left out")
                logging.warning("first")
                logger.setLevel(logging.INFO)
                logging.getLogger("mine").info("second %s", "time")
            """
        lines = call(app(tmp_path, source)).log.splitlines()
        assert [(line.split("\t")[0], *line.split("\t")[2:]) for line in lines] == [
            ("[WARNING]", "r-1", "first"),
            ("[INFO]", "r-1", "second time"),
        ]

    def test_has_the_error_and_the_functions_part_of_the_traceback(self, tmp_path: Path, call: Call) -> None:
        log = call(app(tmp_path, "def handler(event, context):\n    return event['nothing']")).log
        assert log.splitlines()[:2] == ["[ERROR] KeyError: 'nothing'", "Traceback (most recent call last):"]
        assert "runtime_client.py" not in log

    def test_keeps_beginning_and_end_of_a_large_output(self, tmp_path: Path) -> None:
        source = (
            "def handler(event, context):\n    print('first')\n    print(('x' * 99 + '\\n') * event['lines'], end='')\n    print('last')"
        )
        box = Sandbox(app(tmp_path, source), {})
        logs = [box.invoke({"lines": lines}, f"r-{lines}", 60).log for lines in (200_000, 10)]
        box.close()
        assert len(logs[0]) < LOG_LIMIT + 100
        assert (logs[0].splitlines()[0], logs[0].splitlines()[-1]) == ("first", "last")
        assert "bytes left out" in logs[0]
        assert logs[1].splitlines() == ["first", *["x" * 99] * 10, "last"]
