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
        SettingsMistaken: there is no such folder, or something in it is no template.
    """
    if theirs is None:
        return
    if not theirs.is_dir():
        raise SettingsMistaken(f"The setting pages.templates names no folder: {theirs}.")
    for path in sorted(theirs.rglob("*.html")):
        name = path.relative_to(theirs).as_posix()
        try:
            environment.get_template(name)
        except TemplateSyntaxError as error:
            raise SettingsMistaken(
                f"{path}, line {error.lineno}, is no template: {error.message}."
            ) from error
        except UnicodeDecodeError as error:
            raise SettingsMistaken(f"{path} is not UTF-8: save it as that.") from error


def style(name: str, theirs: Path | None) -> str:
    """Return the style sheet ``name``: that of the folder ``theirs``, if it has one."""
    own = None if theirs is None else theirs / name
    path = own if own is not None and own.exists() else template_folder() / name
    return path.read_text(encoding="utf-8")
