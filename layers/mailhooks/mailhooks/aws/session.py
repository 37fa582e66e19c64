"""The botocore session of all clients of this process but the light client, which has none.

botocore and not boto3, which adds resources and file transfers to it: a third of the time of its import.
"""

import json
import logging
import os
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final

import botocore
from botocore.config import Config
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader
from botocore.session import Session

from mailhooks.aws.tls import share_context
from mailhooks.settings import is_load_for_snapshot

PREPARED: Final = Path(__file__).with_name("prepared")
"""The files of `mailhooks.prepare` for this package, in the built layer."""

_LOG: Final = logging.getLogger(__name__)

_UNREADABLE: Final = (DataNotFoundError, ValueError, OSError)
"""The errors for a file that is missing (or whose service is unknown), that is not JSON, or that cannot be read."""

_CREATING: Final = Lock()
"""A botocore session must not create two clients at the same time."""


class _FileLoader:
    """Reads JSON as `botocore.loaders.JSONFileLoader` does, into dictionaries instead of the slower `OrderedDict`."""

    def exists(self, file_path: str) -> bool:
        return Path(f"{file_path}.json").is_file()

    def load_file(self, file_path: str) -> Any:
        try:
            return json.loads(Path(f"{file_path}.json").read_bytes())
        except FileNotFoundError:
            return None


class _Loader:
    """A `botocore.loaders.Loader` of the data that `mailhooks.aws.service_data` has cut.

    It loads botocore's own data for all else: the models of other services, paginators, waiters, and files that are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        # Without the default paths: botocore lists the folders of all its services to find one.
        self._cut = Loader(file_loader=_FileLoader(), extra_search_paths=[str(folder)], include_default_search_paths=False)
        self._has_warned = False

    @cached_property
    def _uncut(self) -> Loader:
        return Loader()

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        try:
            return self._cut.load_service_model(service_name, type_name, api_version)
        except _UNREADABLE:
            # Imported late for the cold start.
            from mailhooks.aws.service_data import OPERATIONS

            if service_name in OPERATIONS and type_name in {"service-2", "endpoint-rule-set-1"}:
                self._warn()
            return self._uncut.load_service_model(service_name, type_name, api_version)

    def load_data(self, name: str) -> Any:
        return self.load_data_with_path(name)[0]

    def load_data_with_path(self, name: str) -> Any:
        try:
            return self._cut.load_data_with_path(name)
        except _UNREADABLE:
            self._warn()
            return self._uncut.load_data_with_path(name)

    def is_builtin_path(self, _path: str) -> bool:
        """Return True: both folders have botocore's own data. From data that are not its own, botocore computes other endpoints."""
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uncut, name)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            _LOG.warning("files of the layer are missing or damaged, so a cold start takes longer: build the layer again")


class _DeferredCredentials:
    """Credentials that botocore finds at the first request, and not when a client is created.

    With SnapStart, Lambda has them on a local server and not in the environment. So the snapshot has neither credentials nor a connection
    to that server.
    """

    method = "deferred"

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver

    def load_credentials(self) -> Any:
        return self

    @cached_property
    def _found(self) -> Any:
        return self._resolver.load_credentials()

    def get_frozen_credentials(self) -> Any:
        return self._found and self._found.get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self._found, name, None)


@cache
def open_session() -> Session:
    """Return the session: a new one would read its service models and find its credentials again."""
    session = make_session(PREPARED)
    if is_load_for_snapshot():
        session.register_component("credential_provider", _DeferredCredentials(session.get_component("credential_provider")))
    return session


def make_session(prepared: Path) -> Session:
    """Return a session that reads the data in a folder of `mailhooks.prepare`, if they are of this version of botocore."""
    session = Session()
    # Not `Path.is_dir`, which raises PermissionError where the user's home cannot be read.
    has_models = os.path.isdir(os.path.expanduser(Loader.CUSTOMER_DATA_PATH))  # noqa: PTH111, PTH112
    if not prepared.is_dir() or session.get_config_variable("data_path") or has_models:
        return session
    folder = prepared / botocore.__version__
    if folder.is_dir():
        session.register_component("data_loader", _Loader(folder))
    else:
        _LOG.warning(
            "this is botocore %s, and the layer was built with another, so a cold start takes longer: remove botocore and boto3 from the "
            "function's own packages, or build the layer again",
            botocore.__version__,
        )
    return session


def create_client(service: str, config: Config, region: str | None = None) -> Any:
    """Return a new client of a service, in the region of the function unless one is given."""
    with _CREATING:
        client = open_session().create_client(service, region_name=region, config=config)
    share_context(client._endpoint.http_session, client.meta.endpoint_url)
    return client


def list_regions(service: str) -> list[str]:
    """Return the regions of AWS's commercial partition that have a service."""
    with _CREATING:
        regions: list[str] = open_session().get_available_regions(service)
        return regions
