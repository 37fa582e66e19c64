"""The end of a function's process and its children."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

from tests.support.functions import app
from workmail_local.config.functions import ROOT
from workmail_local.runtime.sandbox import Sandbox


def test_a_process_that_closes_its_requests_itself_is_not_killed(tmp_path: Path) -> None:
    program = """
        import os, threading
        from workmail_local.runtime.runtime_client import end_with_parent
        reader, writer = os.pipe()
        os.close(reader)
        end_with_parent(reader)
        [watcher] = [thread for thread in threading.enumerate() if thread.name == "end-with-parent"] or [None]
        watcher and watcher.join()
        os._exit(5)
        """
    (tmp_path / "program.py").write_text(dedent(program))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run([sys.executable, tmp_path / "program.py"], env=environment, start_new_session=True, timeout=30)
    assert finished.returncode == 5


class TestTime:
    def test_is_limited_by_the_function_too(self, tmp_path: Path) -> None:
        box = Sandbox(app(tmp_path, "import time\ndef handler(event, context):\n    time.sleep(60)", timeout_s=0.5), {})
        late = box.invoke({}, "r-1", 10)
        box.close()
        assert late.error == "no answer within 0.5 s"

    def test_that_is_over_ends_the_children_of_the_function_too(self, tmp_path: Path) -> None:
        source = """
            import subprocess, sys
            def handler(event, context):
                program = "import time; print('up', flush=True); time.sleep(600)"
                child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
                child.stdout.readline()
                print(child.pid)
                child.wait()
            """
        box = Sandbox(app(tmp_path, source), {})
        late = box.invoke({}, "r-1", 2)
        box.close()
        assert late.error == "no answer within 2 s"
        assert ended(int(late.log))

    def test_is_over_for_a_function_that_never_reads_its_event(self, tmp_path: Path) -> None:
        # A stopped process reads nothing, so writing an event larger than a pipe's buffer would never end.
        source = "import os\ndef handler(event, context):\n    return os.getpid()"
        box = Sandbox(app(tmp_path, source), {})
        os.kill(box.invoke({}, "r-1", 10).response, 19)
        late = box.invoke({"text": "x" * 1_000_000}, "r-2", 0.5)
        box.close()
        assert late.error == "no answer within 0.5 s"


def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    source = """
        import os, time
        def handler(event, context):
            with open("pid", "w") as file:
                file.write(str(os.getpid()))
            time.sleep(600)
        """
    app(tmp_path, source)
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "layers" / "mailhooks")!r}]
from pathlib import Path
from workmail_local.config.functions import Function
from workmail_local.runtime.sandbox import Sandbox
Sandbox(Function("hook", Path({json.dumps(str(tmp_path))})), {{}}).invoke({{}}, "r-1", 600)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        while not ((file := tmp_path / "pid").exists() and file.read_text()):
            assert parent.poll() is None
            time.sleep(0.01)
        parent.kill()
    assert ended(int(file.read_text()))


def ended(pid: int) -> bool:
    """Whether a process ends soon. Without a parent that waits, it remains as a zombie."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False
