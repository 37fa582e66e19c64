"""Coverage-guided fuzzing of the scanner and the disclaimer, with atheris, which is in no requirements file because it has to be compiled:

    pip install atheris
    PYTHONPATH=layers/mailhooks:. python -m tools.fuzz -max_total_time=1800 CORPUS_DIR tests/corpus/mail

A crash leaves its input in a file. Add a test with it, then fix the error.
"""

import sys

try:
    import atheris
except ImportError:
    print("atheris is not installed: run `pip install atheris`, which compiles it", file=sys.stderr)
    sys.exit(2)

with atheris.instrument_imports():
    from mailhooks.content.disclaimer import add_disclaimer
    from mailhooks.mime.headers import scan as scan_header
    from tests.support.structure import check_structure


def check(raw: bytes) -> None:
    """Check that any bytes are scanned, and that a second disclaimer is not added."""
    scan_header(raw)
    check_structure(raw)
    for position_name in ("append", "prepend", "after-reply"):
        changed = add_disclaimer(raw, text="Grüße", html="<b>Grüße</b>", position=position_name)
        assert add_disclaimer(changed, text="Grüße", html="<b>Grüße</b>", position=position_name) is changed


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
