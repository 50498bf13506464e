"""The command line.  Nothing here imports torch: the script's own process does."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sgd_doctor.errors import ExitCode, SgdDoctorError
from sgd_doctor.version import __version__

if TYPE_CHECKING:
    from sgd_doctor.check import Check

SUGGESTIONS = ("lr",)
FORMATS = ("text", "json", "html", "png", "sarif", "github")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Seconds(click.ParamType[float]):
    """A time span: ``60``, ``60s`` or ``2m``."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value).strip().lower()
        unit = {"s": 1.0, "m": 60.0}.get(text[-1:], 0.0)
        try:
            return float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            self.fail(f"{value!r} is no time span; write 60, 60s or 2m", param, ctx)


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="sgd-doctor")
def cli() -> None:
    """Find out why a PyTorch training loop does not learn.

    sgd-doctor runs your unmodified script, suspects causes, reruns the same loop with one thing
    changed to prove them, and reports the cause, the line and the fix.
    """


@cli.command(context_settings={**CONTEXT, "allow_interspersed_args": False})
@click.argument("target", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-m", "as_module", is_flag=True, help="TARGET is a module, as in python -m.")
@click.option("--steps", type=int, help="Watch this many optimizer steps (default: up to 1000, about 8 s).")
@click.option("--budget", type=Seconds(), help="Time for the reruns, e.g. 60s or 2m (default 60s).")
@click.option(
    "--time-limit", type=Seconds(), help="End the watched run after this time, whatever it does (default 10m)."
)
@click.option("--no-probes", is_flag=True, default=None, help="Only watch; rerun nothing.")
@click.option("--seed", type=int, help="Seed torch, numpy and random before the script starts.")
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Repeatable.")
@click.option("--output", "-o", "outputs", multiple=True, type=click.Path(), help="File of each --format, in order.")
@click.option("--select", help="Only these checks or families, separated by commas.")
@click.option("--ignore", help="Not these checks or families.")
@click.option("--fix", is_flag=True, help="Write the proven fix into the script.")
@click.option("--diff", is_flag=True, help="Print the proven fix as a diff; write nothing.")
@click.option("--suggest", multiple=True, type=click.Choice(SUGGESTIONS), help="Look for the best value as well.")
@click.option("--no-report", is_flag=True, default=None, help="Write no report files.")
@click.option("--open", "open_browser", is_flag=True, help="Open the HTML report.")
@click.option("--save-recording", type=click.Path(), help="Keep the recording (.npz) for later.")
@click.option("--script-output", type=click.Path(), help="Send what the script prints to this file.")
@click.option("--allow-writes", is_flag=True, default=None, help="Let the script write its files for real.")
@click.option("--overhead", type=float, help="Share of the time for recording (default 0.05; no limit with --seed).")
@click.option("--checks", "check_folders", multiple=True, type=click.Path(), help="Folder with checks of your own.")
@click.option("--bundle", type=click.Path(), help="Folder for all forms, the recording and repro.py.")
@click.option("--tensorboard", type=click.Path(), help="Folder for the recording as TensorBoard events.")
@click.option("--quiet", "-q", is_flag=True, default=None, help="No progress, nothing of what the script prints.")
@click.option("--exit-zero", is_flag=True, default=None, help="Exit with 0 also where something was found.")
@click.pass_context
def diagnose(context: click.Context, /, target: str, arguments: tuple[str, ...], as_module: bool, **given: Any) -> None:
    """Diagnose a script, a module (-m), a notebook (.ipynb) or a saved recording (.npz).

    Options of sgd-doctor come before TARGET; everything after it belongs to the script.
    """
    from sgd_doctor.command import Request, run

    request = Request(target=target, arguments=arguments, as_module=as_module, command=_command(context), **given)
    context.exit(run(request))


@cli.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def checks(form: str) -> None:
    """List all checks."""
    from sgd_doctor.loader import load_checks

    known, notes = load_checks()
    for note in notes:
        _complain(note)
    if form == "json":
        import json

        click.echo(json.dumps([_row(check) for check in known.values()], indent=2))
        return
    family = ""
    for check in known.values():
        if check.family != family:
            family = check.family
            click.echo(click.style(f"\n{family}" if family else family, bold=True))
        click.echo(f"  {check.name:<26} {check.summary}")


def _row(check: type[Check]) -> dict[str, Any]:
    return {"name": check.name, "family": check.family, "summary": check.summary, "symptom": check.symptom}


def _page(check: type[Check]) -> dict[str, Any]:
    """The row of a check with its page: the whole as Markdown, and its sections by their headings."""
    text = check.documentation()
    lead, *parts = re.split(r"^## +(.*)\n", text, flags=re.MULTILINE)
    sections = {title.strip(): body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}
    return {**_row(check), "documentation": text, "lead": lead.strip(), "sections": sections}


def _names_like(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names of checks, for completion in a shell."""
    from sgd_doctor.loader import load_checks

    return [name for name in load_checks()[0] if name.startswith(begun)]


@cli.command()
@click.argument("name", shell_complete=_names_like)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def explain(name: str, form: str) -> None:
    """Explain a check: what it means, why it hurts, how it is proven, how to fix it."""
    from sgd_doctor.loader import load_checks
    from sgd_doctor.options import require_known

    known, notes = load_checks()
    for note in notes:
        _complain(note)
    require_known(name, tuple(known))
    check = known[name]
    if form == "json":
        import json

        click.echo(json.dumps(_page(check), indent=2))
        return
    click.echo(click.style(f"{check.name}", bold=True) + f"  ({check.family})")
    for text in check.documentation().splitlines():
        heading = text.startswith("## ")
        click.echo(click.style(text[3:], bold=True) if heading else text)


def _command(context: click.Context) -> str:
    return shlex.join(["sgd-doctor", *context.obj])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return int(cli.main(arguments, "sgd-doctor", standalone_mode=False, obj=arguments) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except click.ClickException as error:
        return _complain(error.format_message(), ExitCode.USAGE)
    except SgdDoctorError as error:
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.OK
    except Exception as error:
        if os.environ.get("SGD_DOCTOR_DEBUG"):
            raise
        text = f"{type(error).__name__}: {error}"
        return _complain(f"sgd-doctor itself failed: {text} (SGD_DOCTOR_DEBUG=1 shows where)", ExitCode.INTERNAL)


def _complain(text: str, code: ExitCode = ExitCode.OK) -> int:
    line = "".join(c if c.isprintable() else " " for c in text)
    click.echo(f"sgd-doctor: {line}", err=True)
    return code
