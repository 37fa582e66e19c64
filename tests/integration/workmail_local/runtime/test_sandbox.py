"""A function in its own process."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from workmail_local.config.functions import Function
from workmail_local.runtime.sandbox import Sandbox

Make = Callable[..., Sandbox]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Make]:
    made: list[Sandbox] = []

    def make(source: str, **variables: str) -> Sandbox:
        (tmp_path / "app.py").write_text(textwrap.dedent(source))
        made.append(Sandbox(Function("hook", tmp_path / "app.py"), {"AWS_REGION": "us-east-1", **variables}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_function_keeps_its_process_as_in_lambda(sandbox: Make) -> None:
    box = sandbox("calls = []\ndef handler(event, context):\n    calls.append(event['n'])\n    return calls")
    first, second = box.invoke({"n": 1}, "r-1", 10), box.invoke({"n": 2}, "r-2", 10)
    assert (first.response, first.cold, second.response, second.cold) == ([1], True, [1, 2], False)


def test_output_goes_to_the_log_and_never_into_the_response(sandbox: Make) -> None:
    box = sandbox(
        """
        import os, sys
        def handler(event, context):
            print('{"response": "forged"}')
            print("to stderr", file=sys.stderr)
            os.write(1, b"to the descriptor\\n")
            return "real"
        """
    )
    done = box.invoke({}, "r-1", 10)
    assert done.response == "real"
    assert done.log.splitlines() == ['{"response": "forged"}', "to stderr", "to the descriptor"]
    assert box.invoke({}, "r-2", 10).log == done.log


def test_an_exception_is_the_error_and_its_traceback_is_in_the_log(sandbox: Make) -> None:
    done = sandbox("def handler(event, context):\n    raise KeyError('odd')").invoke({}, "r-1", 10)
    assert (done.response, done.error) == (None, "KeyError: 'odd'")
    assert "Traceback" in done.log


@pytest.mark.parametrize(
    "source, error",
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("x = 1", "AttributeError"),
        ("def handler(event, context):\n    return object()", "TypeError"),
        ("import os\ndef handler(event, context):\n    os._exit(3)", "its process ended"),
    ],
)
def test_every_defect_of_a_function_is_an_error(source: str, error: str, sandbox: Make) -> None:
    box = sandbox(source)
    for attempt in range(2):
        assert error in (box.invoke({}, f"r-{attempt}", 10).error or "")


def test_after_a_timeout_the_next_call_starts_a_new_process(sandbox: Make) -> None:
    box = sandbox("import time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return 'done'")
    late = box.invoke({"s": 60}, "r-1", 0.5)
    assert late.error == "no answer within 0.5 s"
    assert late.milliseconds < 5000
    again = box.invoke({"s": 0}, "r-2", 10)
    assert (again.response, again.cold) == ("done", True)


def test_the_context_has_the_functions_name_and_remaining_time(sandbox: Make) -> None:
    box = sandbox(
        """
        def handler(event, context):
            return [context.aws_request_id, context.function_name, context.get_remaining_time_in_millis()]
        """
    )
    request_id, name, left = box.invoke({}, "r-1", 10).response
    assert (request_id, name) == ("r-1", "hook")
    assert 8000 < left <= 10000


def test_it_has_its_own_variables_and_none_of_the_developer(sandbox: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("ON_ERROR", "retry")
    box = sandbox("import os\ndef handler(event, context):\n    return dict(os.environ)", SUBJECT_TAG="[X]")
    seen = box.invoke({}, "r-1", 10).response
    assert seen["SUBJECT_TAG"] == "[X]"
    assert not {"AWS_PROFILE", "ON_ERROR"} & seen.keys()


def test_it_imports_its_own_modules_and_none_of_the_runtime_client(sandbox: Make, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("ANSWER = 42")
    box = sandbox(
        """
        import importlib.util
        import helper
        def handler(event, context):
            return [helper.ANSWER, importlib.util.find_spec("transit") is None]
        """
    )
    assert box.invoke({}, "r-1", 10).response == [42, True]


def test_non_ascii_text_is_unchanged(sandbox: Make) -> None:
    box = sandbox("def handler(event, context):\n    print(event['subject'])\n    return event")
    done = box.invoke({"subject": "Übersicht ✨\u2028x"}, "r-1", 10)
    assert done.response == {"subject": "Übersicht ✨\u2028x"}
    assert done.log.startswith("Übersicht ✨")


def test_closing_twice_is_allowed(tmp_path: Path) -> None:
    with closing(Sandbox(Function("hook", tmp_path / "app.py"), {})) as box:
        assert box.invoke({}, "r-1", 10).error
        box.close()
