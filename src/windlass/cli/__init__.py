"""The command line: a file per group of verbs, and the only code that prints or exits.

A verb's module is imported only when that verb is called, so that `windlass --help` and the
programs of a network start quickly. Verbs parse, call one function below, and say what came of it.
"""
