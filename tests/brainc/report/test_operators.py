"""docs/operators.md says what the operators' records say."""

from pathlib import Path

import pytest

from brainc.operators.operator import Operator
from brainc.operators.optimizer import OPTIMIZERS, OPTIMIZERS_TO_COME
from brainc.operators.table import OPERATORS, TO_COME
from brainc.report.operators import operators_page
from tests.conftest import Golden

PAGE = Path(__file__).parents[3] / "docs" / "operators.md"


def test_the_page_in_docs_is_the_one_the_records_give(golden: Golden) -> None:
    golden.check(PAGE, operators_page())


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_an_operator_s_section_shows_its_formula_arguments_and_shapes(operator: Operator) -> None:
    section = operators_page().split(f"\n### {operator.name}\n")[1].split("\n### ")[0]
    assert operator.formula in section
    assert all(f"| `{argument.name}` |" in section for argument in operator.arguments)
    assert " → " in section.split("- Shapes:")[1]


def test_what_is_to_come_is_named() -> None:
    end = operators_page().split("## To come")[1]
    assert all(f"`{name}`" in end for name in TO_COME | OPTIMIZERS_TO_COME)
    assert not any(f"`{name}`" in end for name in (*OPERATORS, *OPTIMIZERS))
