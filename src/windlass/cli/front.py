"""All verbs with what they do in a line, and the page that `windlass --help` shows.

Nothing is imported here, neither click nor a verb: the page is what people ask for first and most,
and a third of its time was click's own import.
"""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """The module of this package that has the verb, and the first sentence of the verb's help."""

    module: str
    line: str


SECTIONS: dict[str, dict[str, Verb]] = {
    "Describe": {
        "init": Verb("spec", "Write a commented windlass.yaml to start from."),
        "spec": Verb("spec", "Check a spec, or print its JSON Schema."),
        "plan": Verb("plan", "Show what would run, without touching anything."),
    },
    "Run": {
        "up": Verb("up", "Make the spec true: start what is missing, apply what changed."),
        "down": Verb("down", "Stop everything of this spec; its data stays, unless --purge."),
        "start": Verb("nodes", "Start a node that was stopped, and wait until it is ready."),
        "stop": Verb("nodes", "Stop a node; it stays stopped until `start` or `up`."),
        "restart": Verb("nodes", "Stop a node in order and start it again."),
        "scale": Verb("nodes", "Run more or fewer nodes in a network."),
        "validator": Verb(
            "validator", "List validators, and change who they are while the network runs."
        ),
    },
    "Look": {
        "status": Verb("status", "Show what runs and how it is."),
        "doctor": Verb("doctor", "Say why a network makes no blocks or a node has no peers."),
        "logs": Verb("logs", "Show what the programs wrote."),
    },
    "Money": {
        "accounts": Verb("accounts", "List, make and import a network's accounts."),
        "fund": Verb("send", "Give an address money from the first genesis account."),
        "send": Verb("send", "Send money and wait until it is final."),
        "transaction": Verb("transaction", "Say what became of a transaction."),
    },
    "Keys": {
        "keys": Verb("keys", "Save all keys to one encrypted file, or bring them back from it."),
    },
    "Tools": {
        "binaries": Verb("binaries", "Find, build, check and remove the chain clients."),
        "run": Verb("run", "Run one of Windlass's own programs in the foreground."),
        "completion": Verb("completion", "Print the completion script of a shell."),
    },
}
"""The verbs in the order in which people meet them."""

VERBS: dict[str, Verb] = {name: verb for verbs in SECTIONS.values() for name, verb in verbs.items()}

USAGE = "Usage: windlass VERB [OPTIONS] [ARGUMENTS]"
SENTENCE = "Run a private blockchain, and the business on top of it, from one file."
FIRST_STEPS = (
    ("windlass init", "write windlass.yaml"),
    ("windlass up --detach", "start its networks and say what is where"),
    ("windlass status", "see how they are"),
    ("windlass down", "stop them"),
)
OPTIONS = (
    ("-h, --help", "Show this page; after a verb, that verb's, with examples."),
    ("--version", "Show the version."),
)


def page() -> str:
    """The page as text, without a colour, within 80 columns."""
    lines = [USAGE, "", f"  {SENTENCE}", ""]
    lines += [f"    {command:<22}{what}" for command, what in FIRST_STEPS]
    for title, verbs in SECTIONS.items():
        lines += ["", f"{title}:", *(f"  {name:<12}{verb.line}" for name, verb in verbs.items())]
    lines += ["", "Options:", *(f"  {name:<12}{what}" for name, what in OPTIONS)]
    return "\n".join(lines) + "\n"
