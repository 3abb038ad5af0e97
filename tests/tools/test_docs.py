"""The pages that are made from the code hold what people look up in them."""

from __future__ import annotations

import re

import pytest

from tools.docs import ROOT
from tools.docs_programs import markdown, paths_of
from windlass.cli.programs import PROGRAMS, settings_of

REFERENCE = ROOT / "docs/reference"


def test_the_list_of_the_reference_has_every_page() -> None:
    """docs/reference/README.md links each page beside it."""
    linked = set(re.findall(r"\]\(([^)]+)\)", (REFERENCE / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in REFERENCE.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_of_programs_has_every_setting_variable_and_path(name: str) -> None:
    """A program's section says all that there is to know to run it by hand."""
    (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", markdown(), re.DOTALL | re.MULTILINE)
    for setting in settings_of(name):
        assert f"| `{setting.name}` | {setting.type} |" in section
    for word in [*PROGRAMS[name].variables, *paths_of(name)]:
        assert f"| `{word}` |" in section
    assert {"/healthz", "/readyz", "/state", "/metrics"} <= set(paths_of(name))
