"""The command that teaches a shell to complete the others."""

import click
from click.shell_completion import get_completion_class

from artifactstore.cli.command import Command
from artifactstore.cli.main import COMPLETE, PROGRAM
from artifactstore.cli.output import written

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands, options and event types.

    \b
    artifactstore completion bash > ~/.local/share/bash-completion/completions/artifactstore
    artifactstore completion zsh  > ~/.zfunc/_artifactstore      # a directory of $fpath
    artifactstore completion fish > ~/.config/fish/completions/artifactstore.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click brings all of SHELLS
    with written():
        click.echo(made(context.find_root().command, {}, PROGRAM, COMPLETE).source())
