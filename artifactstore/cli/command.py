"""What every command has: the global options, also behind the command's name."""

from collections.abc import Callable, Iterator
from typing import Any

import click

from artifactstore.cli.session import Session
from artifactstore.suggest import suggestion


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value or (name == "url" and value is not None):  # an empty URL is one that is wrong
            setattr(context.ensure_object(Session), name, value)

    return keep


def global_options(*, hidden: bool) -> list[click.Option]:
    """``--json``, ``--actor`` and where the registry is: kept in the session, not passed to the command."""
    common: dict[str, Any] = {"expose_value": False, "hidden": hidden}
    return [
        click.Option(
            ["--json"],
            is_flag=True,
            callback=_keep("json"),
            help="Results as JSON, one object per line; errors too, on stderr.",
            **common,
        ),
        click.Option(
            ["--wide"],
            is_flag=True,
            callback=_keep("wide"),
            help="Tables on a terminal with all columns and nothing shortened, however long the lines are.",
            **common,
        ),
        click.Option(
            ["--actor"],
            metavar="URI",
            callback=_keep("chosen_actor"),
            help="Who does it, for the events that are appended. Default: user:<login>. At a service: for "
            "whom the holder of the token does it.",
            **common,
        ),
        click.Option(
            ["--database-url"],
            metavar="URL",
            callback=_keep("database_url"),
            help="PostgreSQL to work on. Default: DATABASE_URL, else an embedded server of your own.",
            **common,
        ),
        click.Option(
            ["--url"],
            metavar="URL",
            callback=_keep("url"),
            help="A service to work on, in place of a database. Default: ARTIFACTSTORE_URL.",
            **common,
        ),
        click.Option(
            ["--token"],
            metavar="TOKEN",
            callback=_keep("token"),
            help="For a service. Default: that of --registry, else ARTIFACTSTORE_TOKEN; on this machine "
            "that of the embedded service.",
            **common,
        ),
        click.Option(
            ["--registry"],
            metavar="NAME",
            callback=_keep("registry"),
            help="A service by its name in registries.toml. Default: ARTIFACTSTORE_REGISTRY.",
            **common,
        ),
        click.Option(
            ["--stores", "stores_file"],
            metavar="FILE",
            callback=_keep("stores_file"),
            help="stores.toml, which names the stores that this host uses. Default: ARTIFACTSTORE_STORES, "
            "else that of the host, else that of the user.",
            **common,
        ),
    ]


class Command(click.Command):
    """A command that takes the global options too, unless it has an option of that name itself."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        own = {name for parameter in self.params for name in parameter.opts}
        self.params += [option for option in global_options(hidden=True) if not own & set(option.opts)]


class Suggesting(click.Group):
    """A group that says which of its commands was perhaps meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click."""
        given = args[0]
        if not (ctx.resilient_parsing or given.startswith("-") or self.get_command(ctx, given)):
            ctx.fail(f"no command {given!r}{suggestion(given, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


class Group(Suggesting):
    """A group of such commands."""

    command_class = Command


def walk(context: click.Context) -> Iterator[click.Context]:
    """Every command below the one of a context, depth first, as a context of its own inside that one."""
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None  # noqa: S101 - the group has just listed it
        below = click.Context(command, info_name=name, parent=context)
        yield below
        yield from walk(below)
