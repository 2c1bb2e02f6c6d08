"""The witness's templates: where they lie, and how a deployment's own take their place.

Ours lie beside the package in a checkout, inside it in a wheel. A deployment's template of the
same name is used instead; it may extend or include ours under the name ``ours/NAME``.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    TemplateSyntaxError,
    meta,
)

from intake.errors import SettingsMistaken

#: What a deployment's template calls one of ours that it has taken the place of.
OURS = "ours"


def template_folder() -> Path:
    """Return the root of the witness's templates."""
    package = Path(__file__).parents[2]
    in_wheel = package / "templates" / "witness"
    return in_wheel if in_wheel.exists() else package.parent / "templates" / "witness"


def template_loader(theirs: Path | None) -> BaseLoader:
    """Return what finds templates: in the folder ``theirs`` first, if there is one."""
    ours = FileSystemLoader(template_folder())
    if theirs is None:
        return ours
    return ChoiceLoader([FileSystemLoader(theirs), ours, PrefixLoader({OURS: ours})])


def check_templates(environment: Environment, theirs: Path | None) -> None:
    """Read every template of the folder ``theirs``: a mistake is found now, by who can mend it.

    Raises:
        SettingsMistaken: there is no such folder, something in it is no template, takes in what
            there is not, or is used by none, as its name may be misspelt.
    """
    if theirs is None:
        return
    if not theirs.is_dir():
        raise SettingsMistaken(f"The setting pages.templates names no folder: {theirs}.")
    used: set[str | None] = {path.name for path in template_folder().iterdir()}
    for path in sorted(theirs.rglob("*.html")):
        used |= _taken_in(environment, path, path.relative_to(theirs).as_posix())
    if None in used:  # a name that is made when the page is
        return
    for path in sorted(theirs.rglob("*")):
        name = path.relative_to(theirs)
        if path.is_file() and name.as_posix() not in used and not _is_hidden(name):
            raise SettingsMistaken(
                f"{path} takes the place of no template of ours, and no other takes it in. Ours "
                f"are {_names()}."
            )


def _taken_in(environment: Environment, path: Path, name: str) -> set[str | None]:
    """Return the names of what the template at ``path`` extends, includes or imports."""
    source = _read(path)
    try:
        environment.get_template(name)
        taken_in = set(meta.find_referenced_templates(environment.parse(source)))
    except TemplateSyntaxError as error:
        said = error.message or "it does not end"
        raise SettingsMistaken(
            f"{path}, line {error.lineno}, is no template: {said.rstrip('.')}."
        ) from error
    there = {None, *environment.list_templates()} - {name}
    for other in taken_in - there:
        raise SettingsMistaken(
            f'{path} takes in "{other}", which is itself or is not there. Ours are {_names()}; '
            f'where yours has the name, ours is "{OURS}/NAME".'
        )
    return taken_in


def _names() -> str:
    return ", ".join(sorted(path.name for path in template_folder().iterdir()))


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def style(name: str, theirs: Path | None) -> str:
    """Return the style sheet ``name``: that of the folder ``theirs``, if it has one.

    Raises:
        SettingsMistaken: it cannot be read, or would end before its end.
    """
    own = None if theirs is None else theirs / name
    if own is None or not own.exists():
        return _read(template_folder() / name)
    sheet = _read(own)
    if "</style" in sheet.lower():
        raise SettingsMistaken(f"{own} holds </style: it stands within the page, and ends there.")
    return sheet


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SettingsMistaken(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsMistaken(f"{path} is not UTF-8: save it as that.") from error
