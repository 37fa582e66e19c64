"""One build and one local WorkMail for all e2e tests; or the exact reason why this machine cannot have them."""

from collections.abc import Iterator

import pytest

from .containers import Containers
from .toolchain import Missing, find


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The built functions, next to a local WorkMail."""
    try:
        toolchain = find()
    except Missing as missing:
        pytest.skip(str(missing))
    with Containers(toolchain, tmp_path_factory.mktemp("sam")) as running:
        yield running
