"""The blocks of a page that `make walkthrough` runs."""

from pathlib import Path

from tools.walkthrough import PAGES, Block, blocks

ROOT = Path(__file__).parents[2]
PAGE = """
# Deploy

```sh
make run
make test
```

1. A step:

    <!-- needs an account -->
    ```sh
    aws s3 ls
    ```

```
the output of make run
```
"""


def test_blocks_of_the_shell_are_read_in_their_order_without_indentation() -> None:
    assert list(blocks("page.md", PAGE)) == [
        Block("page.md", 5, "", "make run\nmake test\n"),
        Block("page.md", 13, "needs an account", "aws s3 ls\n"),
    ]


def test_the_pages_have_blocks_that_need_no_account_and_others() -> None:
    for page in PAGES:
        found = list(blocks(page, (ROOT / page).read_text("utf-8")))
        assert {bool(block.needs) for block in found} == {True, False}, page
        assert len(found) == (ROOT / page).read_text("utf-8").count("```sh\n"), page
