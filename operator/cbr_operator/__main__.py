"""The command line: ``cbr-operator run``, ``cbr-operator crds``, ``cbr-operator --version``."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from cbr_operator import __version__
from cbr_operator.kinds.crd import render
from cbr_operator.settings import SettingsError, read_settings


@click.group()
@click.version_option(__version__, prog_name="cbr-operator")
def main() -> None:
    """Replicate cloud backup vaults between regions, each call made at most once."""


@main.command()
def run() -> None:
    """Run the operator until it is told to stop (SIGTERM, Ctrl-C).

    In a cluster it uses its ServiceAccount, outside KUBECONFIG. All settings are environment variables with the
    prefix CBR_OPERATOR_.
    """
    # Imported here: printing the CRDs needs neither Kopf nor the kubernetes package, which take a second to load.
    from cbr_operator.app import Operator, StartError  # noqa: PLC0415
    from cbr_operator.telemetry.logs import configure_logging  # noqa: PLC0415

    async def operate() -> int:
        return await Operator(settings).run()

    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level, settings.log_format)
        sys.exit(asyncio.run(operate()))
    except (SettingsError, StartError) as error:
        _end(str(error))


@main.command()
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Write one file a CRD there.")
def crds(directory: Path | None) -> None:
    """Print the CustomResourceDefinitions, for kubectl apply -f -."""
    for name, text in render().items():
        if directory is None:
            click.echo(f"---\n{text}", nl=False)
        else:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text, encoding="utf-8")


def _end(line: str) -> NoReturn:
    click.echo(f"cbr-operator: {line}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main(prog_name="cbr-operator")
