"""The command line in this process: that is another process than one that drives a run."""

from types import SimpleNamespace

from click import ClickException
from click.testing import CliRunner


def daskflow(*arguments, **options):
    """Call the command; gives what a process of its own would: exit code, output, errors."""
    from daskflow.cli import group
    from daskflow.cli.exits import Exit

    ended = CliRunner().invoke(group, arguments, standalone_mode=False, **options)
    if ended.exception is None:
        return SimpleNamespace(
            returncode=int(ended.return_value or 0), stdout=ended.stdout, stderr=ended.stderr
        )
    if not isinstance(ended.exception, ClickException):
        raise ended.exception
    told = ended.stderr + ended.exception.format_message()
    return SimpleNamespace(returncode=int(Exit.ERROR), stdout=ended.stdout, stderr=told)
