"""Coverage-guided fuzzing of the scanner and of what stands on it, with atheris (which is in no requirements file: it has to be built):

    pip install atheris
    PYTHONPATH=layers/mailhooks:. python -m tools.fuzz -max_total_time=1800 CORPUS_DIR tests/corpus/mail

A crash leaves its input behind; it becomes a test, then a mend.
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
    """What must hold for any bytes whatsoever."""
    scan_header(raw)
    check_structure(raw)
    for position_name in ("append", "prepend", "after-reply"):
        changed = add_disclaimer(raw, text="Grüße", html="<b>Grüße</b>", position=position_name)
        assert add_disclaimer(changed, text="Grüße", html="<b>Grüße</b>", position=position_name) is changed


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
