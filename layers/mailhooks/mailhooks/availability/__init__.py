"""Free/busy times from other calendar systems, for WorkMail's custom availability provider.

`answer` serves one request. `provider.Provider` adds settings, a cache and circuit breakers, and `function.handler.availability_handler` is
the Lambda handler. Only `function` and the backend `workmail` call AWS.
"""

from mailhooks.availability.provider import answer

__all__ = ["answer"]
