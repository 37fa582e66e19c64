"""A judge from outside: what a disclaimer did to a message, read again by the standard library's `email` and never by the project's own
`mime`, so that one mistake cannot both damage a message and hide it. `python -m tools.fidelity --help`.
"""
