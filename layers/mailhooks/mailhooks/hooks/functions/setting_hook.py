"""The hook of a function with one short setting: a policy.yaml next to its app.py, or else a policy made from the setting."""

import sys
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from mailhooks.core.evaluator import FixedPolicy
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.policy.policy import Policy
from mailhooks.settings import BUILT_IN_POLICY, Settings, reject_removed


class SettingHook(PolicyHook):
    """Runs the policy in the function's folder as mailflow does; without one, the policy of the setting.

    Attributes:
        setting: the name of the variable.
    """

    setting: ClassVar[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: there is no policy, and the setting is missing or invalid, or a removed setting has a value.
        """
        if settings.policy == BUILT_IN_POLICY and not Path(BUILT_IN_POLICY).is_file():
            reject_removed(settings)
            return cls(FixedPolicy(cls.make_policy(settings)))
        # The parameter BounceRules of the stack is [] by default.
        unused = [] if getattr(settings, cls.setting.lower()) in ("", "[]") else [cls.setting]
        if unused := [*unused, *settings.removed]:
            # Not in the log line of a message: it belongs to no message.
            sys.stderr.write(f"mailhooks: the policy {settings.policy} applies; not used: {', '.join(unused)}\n")
        return super().from_settings(settings)

    @staticmethod
    @abstractmethod
    def make_policy(settings: Settings) -> Policy:
        """Return the policy of the setting. Raises SettingsError."""
