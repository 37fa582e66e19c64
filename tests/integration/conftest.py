"""The deployed functions, loaded in this process, with the real boto3 and real servers on the loopback interface."""

import importlib.util
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType

import pytest

from mailhooks.settings import env
from tests.support.installation import build, install_without_packages
from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

FUNCTIONS = Path(__file__).parents[2] / "functions"
_NUMBERS = itertools.count()

Load = Callable[..., ModuleType]


@pytest.fixture(scope="session")
def shared_workmail() -> Iterator[LocalWorkMail]:
    """One local WorkMail for all tests of this process."""
    with LocalWorkMail(speed=600.0) as running:
        yield running


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this project."""
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel."""
    return install_without_packages(wheel, tmp_path_factory.mktemp("environment"))


@pytest.fixture
def workmail(shared_workmail: LocalWorkMail) -> Iterator[LocalWorkMail]:
    """The shared local WorkMail, as new."""
    yield shared_workmail
    shared_workmail.reset()


@pytest.fixture
def wm(workmail: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> LocalWorkMail:
    """A local WorkMail; boto3 in this process calls its servers."""
    for name, value in workmail.environment.items():
        monkeypatch.setenv(name, value)
    return workmail


@pytest.fixture
def load(workmail: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """`load("rewrite", SUBJECT_TAG="[X]")`: a new module of the function, with these variables and those of the servers."""

    def load_function(name: str, **variables: str) -> ModuleType:
        number = next(_NUMBERS)
        for key, value in {**workmail.environment, "POWERTOOLS_SERVICE_NAME": f"integration-{number}", **variables}.items():
            monkeypatch.setenv(key, value)
        env.cache_clear()
        spec = importlib.util.spec_from_file_location(f"function_{name}_{number}", FUNCTIONS / name / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load_function
    env.cache_clear()


@pytest.fixture
def refusing_s3() -> Iterator[Callable[[int, str], str]]:
    """`refusing_s3(503, "SlowDown")`: the URL of an S3 with this response to all requests, which moto cannot give."""
    with ExitStack() as servers:

        def start(status: int, code: str) -> str:
            class Refuse(Quiet, BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_PUT(self) -> None:
                    self.body()
                    self.answer(status, f"<Error><Code>{code}</Code><Message>ordered by a test</Message></Error>".encode())

                def do_GET(self) -> None:
                    self.answer(status, b"Subject: half a mess", Content_Length="1000")
                    self.close_connection = True

            return servers.enter_context(serving(Refuse))

        yield start
