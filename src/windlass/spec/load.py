"""From the path of a spec to a checked `Spec`, or to the list of all that is wrong with it.

Four steps, each its own file: text and tree (`document`), values and structs (`read`), rules
between them (`rules`), and the little that the consensus decides (here).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from windlass.spec import rules
from windlass.spec.document import Mapping, Node, Scalar, parse, read_text
from windlass.spec.errors import Problem, SpecError
from windlass.spec.models import SCHEMA, Network, Spec
from windlass.spec.read import Reader
from windlass.spec.values import is_newer


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A spec that can be used. `text` is the file as it was read, `warnings` are sentences."""

    spec: Spec
    warnings: list[str]
    path: Path
    text: str


def load(path: str | Path) -> Loaded:
    """Reads and checks a file. Raises SpecUnreadable, or SpecError with all problems at once."""
    path = Path(path)
    text = read_text(path)
    spec = parse_spec(text, str(path))
    return Loaded(spec=spec, warnings=rules.warnings(spec), path=path, text=text)


def parse_spec(text: str, file: str) -> Spec:
    """Reads and checks a text; `file` is what the problems are located in."""
    root, problems = parse(text, file)
    _refuse_newer(root, file)
    reader = Reader()
    reader.problems.extend(problems)
    reader.read(root, Spec)
    rules.check(reader)
    if reader.problems:
        raise SpecError(file, reader.problems)
    spec = reader.built[""]
    assert isinstance(spec, Spec)
    networks = {name: _settle(network) for name, network in spec.networks.items()}
    return msgspec.structs.replace(spec, networks=networks)


def _settle(network: Network) -> Network:
    """A solo network has one authority, whatever the default number of validators is."""
    return (
        msgspec.structs.replace(network, validators=1) if network.consensus == "solo" else network
    )


def _refuse_newer(root: Node, file: str) -> None:
    """A file of a newer format is refused for that alone: its other fields mean nothing here."""
    entries = root.entries if isinstance(root, Mapping) else ()
    for key, value in entries:
        if key.text == "schema" and isinstance(value, Scalar) and is_newer(value.text):
            sentence = (
                f"is {value.text}, but this release of windlass knows {SCHEMA}: the file was "
                f"written for a newer release; install that one"
            )
            raise SpecError(file, [Problem(value.line, value.column, "schema", sentence)])
