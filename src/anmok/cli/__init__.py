"""The command line: one file per verb, each of which calls one function of `anmok.api` and shows what it returns."""

from anmok.cli.app import main

__all__ = ["main"]
