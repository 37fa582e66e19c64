"""Where the policy is, and which one is in force: the newest that can be used.

A policy that is refused never takes the place of one that is not, so that a slip of the pen stops no mail: it is logged and counted, and
the last good one goes on. A process that has had no good one yet takes the file that was built with the function.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, SettingsError
from mailhooks.policy.errors import PolicyError, Problem
from mailhooks.policy.loading.loader import load_policy, make
from mailhooks.policy.loading.yaml_document import MAX_OCTETS, read
from mailhooks.policy.policy import Policy
from mailhooks.settings import Settings

BUILT_IN: Final = Path("policy.yaml")
"""Beside the function's app.py, which is where Lambda starts it."""

_PATIENCE_S: Final = 5.0
"""Seconds for which a source is waited for: mail waits meanwhile."""

_RETRY_S: Final = 30.0
"""Seconds after which a source that failed is asked again."""


class PolicySource:
    """A policy that may change while the function runs.

    Args:
        fetch: gets the text; may raise anything.
        name: of the source, for errors.
        max_age_s: seconds after which it is fetched again; 0 for never.
        fallback: the file to take while there is none.
        clock: seconds.

    """

    def __init__(
        self,
        fetch: Callable[[], str],
        name: str,
        max_age_s: float,
        *,
        fallback: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._name = name
        self._max_age_s = max_age_s
        self._clock = clock
        self._text = ""
        self._next = 0.0
        self._policy: Policy | None = None
        self.problem = ""
        self._refresh()
        if self._policy is None and fallback is not None and fallback.is_file():
            self._fall_back(fallback)

    def _fall_back(self, fallback: Path) -> None:
        """A fallback that is refused too is no reason to stop looking for the one that is wanted."""
        try:
            self._policy = load_policy(fallback)
        except PolicyError as error:
            self.problem = f"{self.problem}; and so is the one built with the function: {error}"
            sys.stderr.write(f"mailhooks: the policy built with the function is refused: {error}\n")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """By the setting POLICY. Raises SettingsError, PolicyError."""
        kind, _, rest = settings.policy.partition(":")
        if kind in _FETCHERS and rest:
            return cls(_FETCHERS[kind](rest), settings.policy, settings.policy_max_age, fallback=BUILT_IN)
        path = Path(settings.policy)
        return cls(lambda: _read(path), path.name, 0)

    @property
    def refused(self) -> bool:
        """Whether the newest one cannot be used, or not be had."""
        return bool(self.problem)

    def current(self) -> Policy:
        """The policy that is in force.

        Raises:
            PolicyError: there has been none yet that can be used. It is looked for again.
        """
        if self._max_age_s and self._clock() >= self._next:
            self._refresh()
        if self._policy is None:
            raise PolicyError(self._name, (Problem(0, "", "", self.problem),))
        return self._policy

    def _refresh(self) -> None:
        self.problem = ""
        try:
            text = Deadline.after(_PATIENCE_S).wait_for("the policy", self._fetch)
            if text != self._text or self._policy is None:
                self._policy = make(read(text, self._name))
                self._text = text
        except PolicyError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever keeps the policy away, the last good one goes on
            self.problem = str(error) if isinstance(error, MailhooksError) else f"it cannot be read ({_kind(error)})"
        self._next = self._clock() + (min(_RETRY_S, self._max_age_s) if self.problem else self._max_age_s)
        if self.problem:
            # Not in the message's own line: it is about no message, and comes once a try.
            sys.stderr.write(f"mailhooks: the policy {self._name} is refused: {self.problem}\n")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"POLICY: there is no file {path.name} beside the function") from None


def _kind(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    code = getattr(cause, "response", {}).get("Error", {}).get("Code", "")
    return str(code) or type(cause or error).__name__


def _s3(rest: str) -> Callable[[], str]:
    from mailhooks.aws.policy_providers import S3Provider

    bucket, _, key = rest.removeprefix("//").partition("/")
    if not bucket or not key:
        raise SettingsError("POLICY: write s3://bucket/key")
    provider: Any = S3Provider(bucket, MAX_OCTETS)
    return lambda: _text(provider.get(key, force_fetch=True))


def _ssm(rest: str) -> Callable[[], str]:
    from mailhooks.aws.policy_providers import ssm

    get = ssm(rest)
    return lambda: _text(get())


def _appconfig(rest: str) -> Callable[[], str]:
    from mailhooks.aws.policy_providers import appconfig

    names = rest.split("/")
    if len(names) != 3 or not all(names):
        raise SettingsError("POLICY: write appconfig:application/environment/profile")
    get = appconfig(*names)
    return lambda: _text(get())


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8-sig")
    if not isinstance(value, str):
        raise SettingsError("POLICY: what is there is no text")
    return value


_FETCHERS: Final[dict[str, Callable[[str], Callable[[], str]]]] = {"s3": _s3, "ssm": _ssm, "appconfig": _appconfig}
