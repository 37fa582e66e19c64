"""Free/busy times of mailboxes elsewhere, for WorkMail's custom availability provider.

`answer` is the whole of it for one request; `provider.Provider` the same with settings, a cache and a memory of failing backends, and
`handler.availability_handler` the Lambda handler. Knows no AWS but in `handler`, `secret` and the backend `workmail`.
"""

from mailhooks.availability.provider import answer

__all__ = ["answer"]
