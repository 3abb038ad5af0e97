"""The templates: whole specs that load as they are, and that tell the truth in their comments."""

from __future__ import annotations

import re

import pytest

from windlass.spec import rules, versions
from windlass.spec.load import parse_spec
from windlass.spec.models import Clients, Genesis, GenesisContract, Network, Ports
from windlass.spec.template import TEMPLATES, UnknownTemplate, name_from_directory, render
from windlass.spec.values import label

ALL = pytest.mark.parametrize("template", sorted(TEMPLATES))


def switched_on(template: str) -> str:
    """The template with every setting that is off switched on: '#' before a word goes away."""
    return re.sub(r"(?m)^( *)#(?=\S)", r"\1", render(template, "harbour"))


@ALL
def test_templates_load_without_a_word(template: str) -> None:
    """A new spec has no problem, no warning, and the name that was asked for."""
    spec = parse_spec(render(template, "harbour"), "f")

    assert spec.name == "harbour"
    assert rules.warnings(spec) == []
    (network,) = spec.networks.values()
    assert [account.name for account in network.genesis.accounts] == ["treasury", "alice", "bob"]


@ALL
def test_settings_that_are_off_show_the_defaults(template: str) -> None:
    """Taking the '#' away changes nothing but the examples: what is shown is what holds."""
    (before,) = parse_spec(render(template, "harbour"), "f").networks.values()
    (after,) = parse_spec(switched_on(template), "f").networks.values()
    examples = {"genesis", "resources"}

    for field in Network.__struct_fields__:
        if field not in examples:
            assert getattr(after, field) == getattr(before, field), field
    (contract,) = after.genesis.contracts
    assert (contract.balance, contract.nonce, contract.storage) == (0, 1, {})


@ALL
def test_versions_in_comments_are_the_ones_that_hold(template: str) -> None:
    """Each client is shown with its pinned version and the range that a spec may choose from."""
    text = render(template, "harbour")
    first = versions.dotted(*versions.GETH_LINE, versions.GETH_PATCH_MIN)
    line = versions.dotted(*versions.GETH_LINE)

    assert f"#geth: {versions.PINNED['geth']} " in text
    assert f"# any {line} from {first} on" in text
    if template != "ethereum-solo":
        assert f"#cometbft: {versions.PINNED['cometbft']} " in text
        assert f"# any {versions.dotted(*versions.COMETBFT_LINE)}\n" in text


@ALL
def test_templates_show_every_field(template: str) -> None:
    """Whatever can be set is there to be found, but for what that consensus has not."""
    text = switched_on(template)
    absent = {"validators", "cometbft"} if template == "ethereum-solo" else set()

    for section in (Network, Genesis, GenesisContract, Clients, Ports):
        for field in section.__struct_fields__:
            assert field in absent or re.search(rf"(?m)^[ -]*{field}:", text), field


@ALL
def test_lines_fit_a_terminal(template: str) -> None:
    """Nothing is wider than 100 columns, whatever the name."""
    assert max(len(line) for line in render(template, "a" * 30).splitlines()) <= 100


def test_unknown_template_is_refused_with_the_nearest() -> None:
    """A wrong name of a template gives the right one."""
    with pytest.raises(UnknownTemplate, match="did you mean 'ethereum-solo'"):
        render("etherum-solo", "a")


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("harbour", "harbour"),
        ("My Chain (2)", "my-chain-2"),
        ("42", "my-network"),
        ("2nd try", "nd-try"),
        ("___", "my-network"),
        ("Häfen", "h-fen"),
        ("x" * 80, "x" * 30),
        ("a-" * 40, "a-" * 14 + "a"),
        ("", "my-network"),
    ],
)
def test_any_directory_gives_a_name(directory: str, name: str) -> None:
    """A directory's name becomes a label, whatever it is."""
    assert name_from_directory(directory) == name
    assert label(name) == name
