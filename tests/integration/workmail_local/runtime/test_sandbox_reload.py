"""A function whose files change while it runs."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.functions import app, write
from workmail_local.config.functions import Function
from workmail_local.runtime.sandbox import Pool

Make = Callable[..., Pool]

SAYS = "def handler(event, context):\n    return {!r}"


@pytest.fixture
def pool() -> Iterator[Make]:
    """A pool that checks the files before each call."""
    made: list[Pool] = []

    def make(function: Function, **options: object) -> Pool:
        made.append(Pool(function, {}, every_s=0.0, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_call_after_a_save_runs_the_saved_code(tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, SAYS.format(0)))
    answers = []
    for number in range(4):
        # The same length, within two seconds: old bytecode must not be used.
        app(tmp_path, SAYS.format(number))
        answers.append(hook.invoke({}, f"r-{number}", 10).response)
    assert answers == [0, 1, 2, 3]


def test_without_a_save_the_process_stays(tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, SAYS.format("same")))
    assert [hook.invoke({}, f"r-{number}", 10).cold for number in range(3)] == [True, False, False]


@pytest.mark.parametrize("name", ["helper.py", "templates/banner.html", "deep/er/words.txt"])
def test_a_change_of_any_file_in_the_code_folder_counts(name: str, tmp_path: Path, pool: Make) -> None:
    source = f"TEXT = open({name!r}).read()\ndef handler(event, context):\n    return TEXT"
    hook = pool(write(tmp_path, {"app.py": source, name: "one"}))
    before = hook.invoke({}, "r-1", 10).response
    write(tmp_path, {name: "two"})
    assert (before, hook.invoke({}, "r-2", 10).response) == ("one", "two")


def test_a_changed_module_of_the_function_is_loaded_again(tmp_path: Path, pool: Make) -> None:
    hook = pool(write(tmp_path, {"app.py": "import words\ndef handler(event, context):\n    return words.TEXT", "words.py": "TEXT = 1"}))
    before = hook.invoke({}, "r-1", 10).response
    write(tmp_path, {"words.py": "TEXT = 2"})
    assert (before, hook.invoke({}, "r-2", 10).response) == (1, 2)


def test_added_and_removed_files_count(tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, "import os\nNAMES = sorted(os.listdir())\ndef handler(event, context):\n    return NAMES"))
    seen = [hook.invoke({}, "r-1", 10).response]
    (tmp_path / "new.txt").touch()
    seen.append(hook.invoke({}, "r-2", 10).response)
    (tmp_path / "new.txt").unlink()
    seen.append(hook.invoke({}, "r-3", 10).response)
    assert ["new.txt" in names for names in seen] == [False, True, False]


@pytest.mark.parametrize("name", ["__pycache__/x.pyc", ".git/index", "node_modules/x.js"])
def test_caches_and_hidden_folders_do_not_count(name: str, tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, SAYS.format("same")))
    hook.invoke({}, "r-1", 10)
    write(tmp_path, {name: "changed"})
    assert hook.invoke({}, "r-2", 10).cold is False


def test_a_partly_written_file_is_an_error_until_the_next_save(tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, SAYS.format("whole")))
    hook.invoke({}, "r-1", 10)
    app(tmp_path, "def handler(event, con")
    broken = [hook.invoke({}, f"r-{number}", 10).error or "" for number in (2, 3)]
    app(tmp_path, SAYS.format("healed"))
    healed = hook.invoke({}, "r-4", 10)
    assert [error.split(":")[0] for error in broken] == ["Runtime.UserCodeSyntaxError"] * 2
    assert (healed.response, healed.error) == ("healed", None)


def test_a_current_call_ends_with_the_old_code(tmp_path: Path, pool: Make) -> None:
    # The function creates a file when it starts, and waits for another file.
    begun, go = tmp_path / "begun", tmp_path / "go"
    code = tmp_path / "code"
    source = f"""
        import os, time
        def handler(event, context):
            open({str(begun)!r}, "w").close()
            while not os.path.exists({str(go)!r}):
                time.sleep(0.01)
            return "old"
        """
    hook = pool(app(code, source), limit=1)
    answers: list[object] = []
    under_way = threading.Thread(target=lambda: answers.append(hook.invoke({}, "r-1", 20).response))
    under_way.start()
    while not begun.exists():
        under_way.join(0.01)
        assert under_way.is_alive()
    app(code, SAYS.format("new"))
    go.touch()
    under_way.join()
    answers.append(hook.invoke({}, "r-2", 10).response)
    assert answers == ["old", "new"]


class TestLibrary:
    @pytest.fixture
    def layer(self, tmp_path: Path) -> Path:
        write(tmp_path / "layer", {"mailhooks/__init__.py": "WORD = 1"})
        return tmp_path / "layer"

    def test_changes_count_for_a_function_that_imports_it(self, tmp_path: Path, layer: Path, pool: Make) -> None:
        source = "import mailhooks\ndef handler(event, context):\n    return mailhooks.WORD"
        hook = pool(app(tmp_path / "code", source), layer=layer)
        before = hook.invoke({}, "r-1", 10).response
        write(layer, {"mailhooks/__init__.py": "WORD = 2"})
        assert (before, hook.invoke({}, "r-2", 10).response) == (1, 2)

    def test_changes_do_not_count_for_other_functions(self, tmp_path: Path, layer: Path, pool: Make) -> None:
        hook = pool(app(tmp_path / "code", SAYS.format("same")), layer=layer)
        hook.invoke({}, "r-1", 10)
        write(layer, {"mailhooks/__init__.py": "WORD = 2"})
        assert hook.invoke({}, "r-2", 10).cold is False

    def test_that_is_broken_and_repaired_works_again(self, tmp_path: Path, layer: Path, pool: Make) -> None:
        source = "import mailhooks\ndef handler(event, context):\n    return mailhooks.WORD"
        write(layer, {"mailhooks/__init__.py": "WORD = "})
        hook = pool(app(tmp_path / "code", source), layer=layer)
        broken = hook.invoke({}, "r-1", 10).error
        write(layer, {"mailhooks/__init__.py": "WORD = 3"})
        assert (broken is None, hook.invoke({}, "r-2", 10).response) == (False, 3)


def test_all_processes_of_a_pool_run_the_saved_code(tmp_path: Path, pool: Make) -> None:
    meet = "import os, time\ndef handler(event, context):\n    time.sleep(0.3)\n    return [{!r}, os.getpid()]"
    hook = pool(app(tmp_path, meet.format("old")), limit=3)

    def together() -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        threads = [threading.Thread(target=lambda: found.append(tuple(hook.invoke({}, "r", 20).response))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    before = together()
    app(tmp_path, meet.format("new"))
    after = together()
    assert {word for word, _ in before} == {"old"}
    assert {word for word, _ in after} == {"new"}
    assert not {pid for _, pid in before} & {pid for _, pid in after}


def test_a_save_with_the_same_size_is_noticed(tmp_path: Path, pool: Make) -> None:
    hook = pool(app(tmp_path, SAYS.format("same")))
    hook.invoke({}, "r-1", 10)
    os.utime(tmp_path / "app.py", (1_800_000_000, 1_800_000_000))
    assert hook.invoke({}, "r-2", 10).cold is True
