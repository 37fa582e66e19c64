"""The functions behind `sam local start-lambda`, in real Lambda containers, called as the local WorkMail calls them."""

import textwrap
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.containers import Containers
from tests.e2e.sam import lambda_endpoint
from tests.e2e.test_containers import DELIVER_TO_ALL, MESSAGE, REWRITE, event_for
from tests.e2e.toolchain import Toolchain
from workmail_local.runtime.endpoint import EndpointInvoker

TIMEOUT_S = 120.0
"""The first call also makes the image that carries the layer."""


FOREIGN = """
    import os, sys, time

    def lambda_handler(event, context):
        print("called")
        match event["what"]:
            case "return":
                return event
            case "raise":
                raise LookupError("not here")
            case "sleep":
                time.sleep(60)
            case "exit":
                sys.exit(3)
            case "set":
                return {1}
    """
TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Foreign:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: src, Handler: entry.lambda_handler, Runtime: python3.13, Timeout: 3}
    """


@pytest.fixture(scope="module")
def url(containers: Containers) -> Iterator[str]:
    with containers.lambda_endpoint("RewriteFunction", REWRITE) as running:
        yield running


@pytest.fixture(scope="module")
def rewrite(url: str) -> Iterator[EndpointInvoker]:
    with closing(EndpointInvoker(url, "RewriteFunction")) as invoker:
        yield invoker


@pytest.fixture(scope="module")
def foreign(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointInvoker]:
    """A function that is nothing of this project's, as it lies in its folder; SAM needs no build for it."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "src").mkdir()
    (folder / "src" / "entry.py").write_text(textwrap.dedent(FOREIGN))
    template = folder / "template.yaml"
    template.write_text(textwrap.dedent(TEMPLATE))
    with (
        lambda_endpoint(toolchain, ["--template", str(template)], folder / "log") as url,
        closing(EndpointInvoker(url, "Foreign")) as invoker,
    ):
        yield invoker


def test_a_message_is_rewritten_by_the_function_in_its_container(containers: Containers, rewrite: EndpointInvoker) -> None:
    message_id = containers.store.add(MESSAGE)

    done = rewrite.invoke(event_for(message_id), "r-1", TIMEOUT_S)

    assert (done.error, done.response) == (None, DELIVER_TO_ALL)
    assert containers.store.puts(message_id) == 1
    assert b"Subject: [EXTERNAL] Minutes of the meeting,\r\n" in containers.store.content(message_id)


def test_a_function_that_is_not_there_is_an_error_that_names_it(url: str) -> None:
    with closing(EndpointInvoker(url, "NoSuchFunction")) as invoker:
        done = invoker.invoke({}, "r-1", TIMEOUT_S)

    assert done.error == f"there is no function 'NoSuchFunction' at {url}"


class TestForeignFunction:
    @pytest.mark.parametrize("what", ["return", "nothing"])
    def test_its_response_comes_back(self, what: str, foreign: EndpointInvoker) -> None:
        done = foreign.invoke({"what": what, "subject": "Gr\u00fc\u00dfe"}, "r-1", TIMEOUT_S)

        assert (done.error, done.response) == (None, {"what": what, "subject": "Gr\u00fc\u00dfe"} if what == "return" else None)

    @pytest.mark.parametrize(
        "what, error",
        [
            ("raise", "LookupError: not here"),
            ("set", "Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable"),
            ("exit", "Runtime.ExitError: "),
            ("sleep", "empty response"),
        ],
    )
    def test_its_failure_is_an_error(self, what: str, error: str, foreign: EndpointInvoker) -> None:
        done = foreign.invoke({"what": what}, "r-1", TIMEOUT_S)

        assert done.response is None
        assert (done.error or "").startswith(error)
