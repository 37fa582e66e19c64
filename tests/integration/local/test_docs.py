"""The examples of docs/local.md."""

import re

import pytest

from local.functions import ROOT

PAGE = (ROOT / "docs" / "local.md").read_text("utf-8")


def test_the_example_for_tests_of_ones_own_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "docs/local.md", "exec"), {})
    assert capsys.readouterr().out == "frozen, as ordered\n"


@pytest.mark.parametrize("call", re.findall(r"`wm\.faults\.add\((.*?)\)`", PAGE))
def test_the_faults_of_the_table_can_be_ordered(call: str) -> None:
    from local.faults import Faults

    faults = Faults()
    eval(f"faults.add({call})", {"faults": faults})
    assert faults.next("get") or faults.next("put")
