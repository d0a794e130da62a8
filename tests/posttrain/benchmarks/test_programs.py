"""Programs are run against the benchmark's own tests in real sandboxes, and cannot pass without solving the item."""

import pytest

from assay.core.sandbox import open_sandbox
from assay.posttrain import catalogue
from assay.posttrain.benchmarks import READERS, Item, programs
from assay.posttrain.benchmarks.programs import program_item, scores
from assay.posttrain.sources import locate

ITEM = program_item(
    "add/0",
    'import math\n\ndef helper(x):\n    return x\n\n\ndef add(a: int, b: int) -> int:\n    """ Add them. """\n',
    "add",
    "def check(candidate):\n    for i in range(5):\n        assert candidate(i, b=helper(2)) == i + 2\n"
    "    assert candidate(2, 3) != 6\n",
    "    return a + b",
)

RIGHT = [
    ITEM.answer(),
    "Sure:\n```python\ndef add(a, b):\n    return a + b\n```\nThat adds them.",
    "    return a + b\n",
    "return a + b",
    "```\ndef add(a, b):\n    return int(math.fsum([a, b]))\n```",
    "```python\nprint('x' * 100)\nhelp_me = lambda a, b: a + b\ndef add(a, b):\n    return help_me(a, b)",
]
WRONG = {
    "wrong result": "return a * b",
    "no answer": "",
    "no program": "I cannot do that.",
    "leaves with success": "```python\nimport os\ndef add(a, b):\n    os._exit(0)\n```",
    "leaves at once": "```python\nimport sys\nsys.exit(0)\ndef add(a, b):\n    return a + b\n```",
    "equals everything": (
        "```python\nclass Any(int):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return True\n    __hash__ = None\ndef add(a, b):\n    return Any(0)\n```"
    ),
    "sleeps": "```python\nimport time\ndef add(a, b):\n    time.sleep(1000)\n```",
    "forges replies": (
        "```python\nimport glob\ndef add(a, b):\n    for p in glob.glob('/pipes/*'):\n"
        "        open(p, 'w').write('value [\"int\", \"0x2\"]\\n' * 100)\n    return 2\n```"
    ),
    "removes the pipes": "```python\nimport os\nos.remove('/pipes/calls')\nos.remove('/pipes/results')\n```",
    "a flood": "```python\ndef add(a, b):\n    return 'x' * 10**8\n```",
}


@pytest.mark.slow
def test_right_programs_pass_and_wrong_or_hostile_ones_do_not() -> None:
    answers = [*RIGHT, *WRONG.values()]
    found = scores([ITEM] * len(answers), answers, open_sandbox())
    assert found[: len(RIGHT)] == [1.0] * len(RIGHT)
    assert dict(zip(WRONG, found[len(RIGHT) :], strict=True)) == dict.fromkeys(WRONG, 0.0)


def test_a_test_may_expect_an_error_of_python() -> None:
    item = program_item(
        "root/0",
        "def root(x):\n    '''root'''\n",
        "root",
        "def check(candidate):\n    try: candidate(-1)\n    except ValueError: return\n    assert False\n",
        "    import math\n    return math.sqrt(x)",
    )
    assert scores([item, item], [item.answer(), "return 0"], open_sandbox()) == [1.0, 0.0]


@pytest.mark.slow
def test_every_published_solution_of_humaneval_passes_and_an_empty_one_does_not() -> None:
    items = READERS["humaneval"]([locate(source) for source in catalogue.load().benchmarks["humaneval"].test])
    assert len(items) == 164
    wrong: list[Item] = items[::20]
    found = scores([*items, *wrong], [*(i.answer() for i in items), *("pass" for _ in wrong)], open_sandbox())
    assert [i.id for i, value in zip(items, found, strict=False) if value != 1.0] == []
    assert found[len(items) :] == [0.0] * len(wrong)


def test_the_first_block_with_the_function_is_the_program() -> None:
    answer = "```\nx = 1\n```\nor\n```python\ndef add(a, b):\n    return 1\n```\n```py\ndef add(a, b): return 2\n```"
    found = programs.program(answer, ITEM)
    assert found is not None and "return 1" in found and "import math" in found and "return 2" not in found
