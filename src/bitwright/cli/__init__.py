"""The command line: ``bitwright COMMAND``. Each command imports what it needs when it is called."""

import sys


def main() -> None:
    """Ends with 0; 2 for a mistake, explained in one line; 3 for an interrupt."""
    try:
        from bitwright.cli.app import run

        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit(3)
