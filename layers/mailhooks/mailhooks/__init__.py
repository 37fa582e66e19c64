"""Hooks for mail in transit through Amazon WorkMail, and for its free/busy look-ups.

Start at `mailhooks.hook` (a Lambda handler from a small object), `mailhooks.contract` (what WorkMail sends and expects) or
`mailhooks.mime` (bytes of a message). Nothing is imported here, so that a function pays only for what it uses.
"""

__version__ = "0.17.0"
