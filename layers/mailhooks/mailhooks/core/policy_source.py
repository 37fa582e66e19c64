"""Loads the policy that is in force: the newest valid version of its file, object, parameter or configuration profile.

An invalid version never replaces a valid one, so that a typing error stops no mail: it is logged and counted, and the last valid version
stays in force. A process that has not loaded a valid version yet uses the file that was built with the function.
"""

import math
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, SettingsError
from mailhooks.policy.errors import PolicyError, Problem
from mailhooks.policy.loading.loader import build_policy, load_policy
from mailhooks.policy.loading.yaml_document import MAX_OCTETS, parse_document
from mailhooks.policy.policy import Policy
from mailhooks.settings import BUILT_IN_POLICY, Settings, is_load_for_snapshot

KINDS: Final = frozenset({"s3", "ssm", "appconfig"})
"""Sources other than a file."""

_FETCH_TIMEOUT_S: Final = 5.0
"""Mail waits while the policy is fetched."""

_RETRY_S: Final = 30.0
"""Seconds after which the policy is fetched again while its newest version is not in force."""


class PolicySource:
    """A policy that may change while the function runs.

    Args:
        fetch: returns the text in some seconds, as mail waits; may raise any exception.
        name: of the source, for errors.
        max_age_s: seconds after which the policy is fetched again; 0 for never. While the newest version is not in force, it is fetched
            again at the first message after 30 seconds, or after this age if it is shorter.
        folder: the folder of the files that the policy names; by default that of the function's app.py.
        fallback: the file to use until a valid version was fetched.
        fetch_now: whether to fetch in the constructor; else at the first message.
        clock: seconds.

    Attributes:
        problem: why the newest version is not in force; `""` if it is.
    """

    def __init__(
        self,
        fetch: Callable[[], str],
        name: str,
        max_age_s: float,
        *,
        folder: Path = Path(),
        fallback: Path | None = None,
        fetch_now: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._name = name
        self._max_age_s = max_age_s
        self._folder = folder
        self._clock = clock
        self._text = ""
        self._next_fetch = -math.inf
        self._policy: Policy | None = None
        self._fetching = threading.Lock()
        self.problem = ""
        self._problems: tuple[tuple[Problem, ...], int] = ((), 0)
        if fetch_now:
            self._refresh()
        if self._policy is None and fallback is not None and fallback.is_file():
            self._load_fallback(fallback)

    def _load_fallback(self, fallback: Path) -> None:
        """Load the fallback. If it is invalid too, the source is still fetched again later."""
        try:
            self._policy = load_policy(fallback)
        except PolicyError as error:
            self.problem = f"{self.problem}; the policy built with the function is invalid too: {error}"
            self._problems = (Problem(0, "", "", self.problem),), 0
            sys.stderr.write(f"mailhooks: the policy built with the function is invalid: {error}\n")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the source of the setting POLICY. Raises SettingsError, PolicyError."""
        kind, _, rest = settings.policy.partition(":")
        if kind in KINDS and rest:
            # Late for the cold start: it loads botocore, which a policy in a file does not need.
            from mailhooks.aws.policy_providers import make_fetcher

            fetch = make_fetcher(kind, rest, MAX_OCTETS)

            def fetch_in_time() -> str:
                return _decode(Deadline.after(_FETCH_TIMEOUT_S).wait_for("the policy", fetch))

            # A snapshot may be restored weeks later: it must have no connection, and neither an old policy nor its age.
            fetch_now = not is_load_for_snapshot()
            return cls(fetch_in_time, settings.policy, settings.policy_max_age, fallback=Path(BUILT_IN_POLICY), fetch_now=fetch_now)
        path = Path(settings.policy)
        return cls(lambda: _read(path), path.name, 0, folder=path.parent)

    @property
    def rejected(self) -> bool:
        """Whether the newest version is invalid or cannot be fetched."""
        return bool(self.problem)

    def current(self) -> Policy:
        """Return the policy in force.

        Raises:
            PolicyError: there is no valid version yet. The next call after some seconds fetches it again.
        """
        # One thread fetches; the others use the policy in force in the meantime, and wait only if there is none.
        if self._clock() >= self._next_fetch and self._fetching.acquire(blocking=self._policy is None):
            try:
                if self._clock() >= self._next_fetch:
                    self._refresh()
            finally:
                self._fetching.release()
        if self._policy is None:
            raise PolicyError(self._name, *self._problems)
        return self._policy

    def _refresh(self) -> None:
        problem = ""
        try:
            text = self._fetch()
            if text != self._text or self._policy is None:
                self._policy = build_policy(parse_document(text, self._name), self._folder)
                self._text = text
        except PolicyError as error:
            problem, self._problems = str(error), (error.problems, error.more)
        except Exception as error:  # noqa: BLE001 - the last valid policy stays in force after any error
            problem = str(error) if isinstance(error, MailhooksError) else f"POLICY: it cannot be read ({_error_name(error)})"
            self._problems = (Problem(0, "", "", problem),), 0
        self.problem = problem
        age = self._max_age_s or math.inf
        self._next_fetch = self._clock() + (min(_RETRY_S, age) if problem else age)
        if problem:
            # Not in the log line of a message: it belongs to no message.
            sys.stderr.write(f"mailhooks: the policy {self._name} is rejected: {problem}\n")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"POLICY: there is no file {path.name} in the function's folder") from None


def _error_name(error: Exception) -> str:
    """Return the name of a fetch error: the service's code, or the class. Powertools wraps the error of botocore."""
    cause = error.__cause__ or error.__context__ or error
    code = getattr(cause, "response", {}).get("Error", {}).get("Code", "")
    return str(code) or type(cause).__name__


def _decode(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8-sig")
    if not isinstance(value, str):
        raise SettingsError("POLICY: its value is not text")
    return value
