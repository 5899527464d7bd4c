"""`bitwright schema`: the JSON schema with which editors complete and check study files."""

import typer


def schema() -> None:
    """Print the JSON schema of study files, for editors that complete and check YAML."""
    from bitwright.cli.json_schema import text

    typer.echo(text())
