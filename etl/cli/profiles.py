"""``obi profile``: which column is what, kept in a file of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import SOURCE_RULES, STATE
from etl.errors import OutputError

if TYPE_CHECKING:
    from etl.drafts import Draft
    from etl.orders import Order
    from etl.profile import Profile

_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
_FILE = click.argument("file", metavar="FILE")
_OTHERWISE = "name another with --out, or write over it with --force."


@click.group("profile")
def profile() -> None:
    """Make, check and show mapping profiles.

    \b
    Examples:
      obi profile new leads.csv --region GB
      obi profile check leads.csv --profile leads.profile.toml
    """


@profile.command("new")
@_FILE
@SOURCE_RULES
@click.option("--out", metavar="PATH|-", default="", help="Where to write it.  [default: STEM.profile.toml]")
@click.option("--name", default="", help="What the profile is called.  [default: the stem of FILE]")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@_JSON
@STATE
def new_profile(
    *, file: str, out: str, name: str, force: bool, as_json: bool, state_dir: Path | None, **stated: Any
) -> None:
    """Guess a profile from FILE, show every guess, and write it down.

    Nothing is sent. What the profile does not name, no load dials; what is not sure is marked in it.

    \b
    Examples:
      obi profile new leads.csv --region GB
      obi profile new export.xlsx --sheet Leads --out crm.toml
      obi profile new leads.csv --out - --json
    """
    from etl.cli.screen import print_json
    from etl.cli.showing_profiles import show_draft
    from etl.drafts import draft
    from etl.drafttext import text_of
    from etl.files import stem_of
    from etl.profile import find_profile

    stem = stem_of(file)
    target = Path(out) if out else _beside(file)
    if out != "-" and target.exists():
        if not force:
            raise OutputError(f"{target} is there already; {_OTHERWISE}")
        if Path(file).exists() and target.samefile(file):
            raise OutputError(f"{target} is the input itself; name another file with --out.")
    with _order(file, find_profile(None, **stated), state_dir) as (order, source):
        made = draft(order, source, name=name or stem)
    text = text_of(made, file=f"{stem}.profile.toml" if out == "-" else str(target))
    if out != "-":
        _write(target, text, force=force)
    elif not as_json:
        click.echo(text, nl=False)
    if as_json:
        print_json(_as_data(made, out=out or str(target), text=text))
    show_draft(made, out=out or str(target), stderr=as_json or out == "-")


@profile.command("check")
@_FILE
@click.option(
    "--profile", "given", help="A file, or a built-in one.  [default: STEM.profile.toml beside FILE]"
)
@SOURCE_RULES
@_JSON
@STATE
def check_one(*, file: str, given: str | None, as_json: bool, state_dir: Path | None, **stated: Any) -> int:
    """Say how a profile fits FILE: columns that are missing or new, and how many cells can be read.

    Ends with 0 where it fits, with 3 where a load would be stopped by a column.

    \b
    Examples:
      obi profile check tonight.csv --profile crm.toml
      obi profile check tonight.csv --profile crm.toml --json
    """
    from etl.cli.screen import print_json
    from etl.cli.showing_profiles import show_check
    from etl.profile import find_profile
    from etl.profilecheck import check_profile

    if given is None and (beside := _beside(file)).is_file():
        given = str(beside)
    with _order(file, find_profile(given, **stated), state_dir) as (order, source):
        found = check_profile(order, source)
    if as_json:
        print_json(found)
    show_check(found, given=given or "", stderr=as_json)
    return found.exit_code


@profile.command("show")
@click.argument("name", required=False, default="")
@_JSON
def show_one(*, name: str, as_json: bool) -> None:
    """List the built-in profiles, or print one, or a file's.

    \b
    Examples:
      obi profile show
      obi profile show obi > mine.toml
    """
    from etl.cli.screen import print_json, print_table
    from etl.profile import profile_folder, read_profile

    if name:
        found = read_profile(name)
        built_in = profile_folder() / f"{name}.toml"
        path = Path(name) if Path(name).is_file() else built_in
        if as_json:
            print_json(found.model_dump(mode="json", by_alias=True))
        else:
            click.echo(path.read_text(encoding="utf-8-sig"), nl=False)
        return
    lines = [(path.stem, _first_comment(path)) for path in sorted(profile_folder().glob("*.toml"))]
    if as_json:
        print_json(dict(lines))
    else:
        print_table(("name", ""), lines)


@profile.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a profile, for editors.

    \b
    Examples:
      obi profile schema > profile.schema.json
    """
    from etl.profile import asset

    click.echo((asset("schemas") / "profile.schema.json").read_text(encoding="utf-8"), nl=False)


# --- input and output ---------------------------------------------------------------------------------


@contextmanager
def _order(file: str, stated: Profile, state_dir: Path | None) -> Iterator[tuple[Order, Path]]:
    """The order for one input, and where its bytes are while the context lasts."""
    from etl.orders import Order, copied
    from etl.settings import load_settings
    from etl.state import StateFolder

    settings = load_settings(state_dir=state_dir, spool="never")
    order = Order(input=file, profile=stated)
    with copied(order, settings, StateFolder(settings.state_dir)) as source:
        yield order, source


def _beside(file: str) -> Path:
    """Where the profile of an input is written and looked for."""
    from etl.files import files_of, stem_of

    path = files_of(file).results.with_name(f"{stem_of(file)}.profile.toml")
    here = Path.cwd()
    return path.relative_to(here) if not Path(file).is_absolute() and path.is_relative_to(here) else path


def _write(target: Path, text: str, *, force: bool) -> None:
    try:
        with target.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise OutputError(f"{target} is there already; {_OTHERWISE}") from None
    except OSError as error:
        raise OutputError(f"{target} can't be written ({error.strerror}); name another with --out.") from None


def _first_comment(path: Path) -> str:
    """What a built-in profile says of itself first, on one line."""
    lines = takewhile(lambda line: line.strip("# "), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.strip("# ") for line in lines).partition(". ")[0]


def _as_data(draft: Draft, *, out: str, text: str) -> dict[str, Any]:
    """A draft for machines."""
    return {
        "input": draft.input,
        "rows": draft.spec.rows,
        "profile": out,
        "document": draft.document,
        "toml": text,
        "evidence": draft.spec.evidence,
        "columns": [
            {
                "header": line.header,
                "field": line.field,
                "proposed": line.proposed,
                "confidence": line.guess.confidence if line.guess else None,
                "how": line.guess.how if line.guess else "",
                "reason": line.guess.reason if line.guess else "",
                "samples": line.samples,
            }
            for line in draft.lines
        ],
        "not_dialled": [{"header": header, "reason": reason} for header, reason in draft.not_dialled],
        "regions": draft.regions,
        "notes": draft.notes,
    }
