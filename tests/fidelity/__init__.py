"""An independent judge of the changes that a disclaimer makes to a message: `python -m tools.fidelity --help`.

It reads messages by `email` of the standard library and not by `mailhooks.mime`: so a mistake in `mime` cannot hide the damage it causes.
"""
