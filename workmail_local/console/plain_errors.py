"""Describes errors of the operating system in plain words."""

import errno
import os
from typing import Final

from workmail_local.console.text_columns import escape_controls, fit

_NAME: Final = 200
"""Columns of a file's name."""

_WORDS: Final = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "a folder, not a file",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.ENOSPC: "no space left on the disk",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
}


def describe_os_error(error: OSError) -> str:
    """Return the error in plain words, with the name of its file.

    >>> describe_os_error(FileNotFoundError(errno.ENOENT, "", "saved.eml"))
    'no such file: saved.eml'
    """
    words = describe_reason(error)
    if error.errno is None or not isinstance(error.filename, str | bytes):
        return words
    return f"{words}: {fit(escape_controls(os.fsdecode(error.filename)), _NAME, keep_end=True)}"


def describe_reason(error: OSError) -> str:
    """Return the error in plain words, without the name of a file."""
    if error.errno is None:
        return escape_controls(str(error)) or type(error).__name__
    text = error.strerror or os.strerror(error.errno)
    return _WORDS.get(error.errno, text[:1].lower() + text[1:])


def describe_error(error: Exception) -> str:
    """Return an error of the operating system in plain words, and any other as it is."""
    return describe_os_error(error) if isinstance(error, OSError) else str(error)
