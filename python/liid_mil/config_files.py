"""Configurations as YAML: read with errors that name the line, written with help beside each field.

Input: a file, and changes ``a.b=value`` of the command line. Output: a checked
:class:`~liid_mil.config.PipelineConfig`. The file is parsed into nodes (which know their lines and
build no objects); the dataclasses say which keys there are and which types they have, so that
nothing else is ever constructed.
"""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from liid_mil.config import PRESETS, DataConfig, PipelineConfig, preset

_NULL = "tag:yaml.org,2002:null"
_WIDTH = 100


class ConfigError(ValueError):
    """A setting is unknown or has a wrong value; the message names it, its line and what may be."""


def read_config(path: str | Path, changes: Sequence[str] = ()) -> PipelineConfig:
    """Read a configuration.

    Parameters
    ----------
    path : YAML file. Its key ``preset`` names the settings that the others change (``paper`` if
        there is none). Relative paths in it are relative to its folder.
    changes : texts ``a.b=value`` that come after the file; see :func:`changed`.

    Raises
    ------
    ConfigError : it is no YAML, or a key or value is not allowed.
    OSError : it is missing or cannot be read.
    """
    path = Path(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else f"{path}"
        reason = getattr(error, "problem", None) or str(error) or "nested too deeply"
        raise ConfigError(f"{where}: no YAML: {reason}") from None
    place = _Place(str(path), path.resolve().parent)
    base = PipelineConfig()
    if node is not None:
        base = _take_preset(node, place)
        base = _build(PipelineConfig, base, node, place)
    return changed(base, changes)


def changed(config: PipelineConfig, changes: Sequence[str]) -> PipelineConfig:
    """A configuration after texts ``a.b=value``.

    A name without a part before it, such as ``image_size``, is that setting of both trainings.

    Raises
    ------
    ConfigError : an unknown name, or a value that is not allowed.
    """
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r} is not of the form NAME=VALUE")
        try:
            leaf = yaml.compose(value, Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            raise ConfigError(f"{text!r}: {value!r} is no YAML value") from None
        if leaf is None:
            leaf = yaml.ScalarNode(_NULL, "")
        for path in _paths(name.strip()):
            node = leaf
            for part in reversed(path):
                node = yaml.MappingNode(
                    "tag:yaml.org,2002:map",
                    [(yaml.ScalarNode("tag:yaml.org,2002:str", part), node)],
                )
            config = _build(PipelineConfig, config, node, _Place("", Path.cwd()))
    return config


def format_config(config: PipelineConfig, *, comments: bool = True) -> str:
    """A configuration as YAML that :func:`read_config` reads, every field with its help."""
    lines = [f"# Settings of `liid-mil run`. Presets: {', '.join(PRESETS)}."] if comments else []
    lines += _format(config, 0, comments)
    return "\n".join(lines) + "\n"


def as_json(config: PipelineConfig) -> dict[str, Any]:
    """A configuration as what JSON holds."""
    found: dict[str, Any] = yaml.safe_load(format_config(config, comments=False))
    return found


def field_help(kind: type) -> dict[str, str]:
    """What the docstrings of a dataclass and of its bases say of each field."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        text = inspect.getdoc(one) if "__doc__" in vars(one) else None
        _, _, attributes = (text or "").partition("Attributes\n----------\n")
        for entry in re.split(r"\n(?=\S)", attributes.strip()):
            names, colon, told = entry.partition(" : ")
            if colon:
                told = " ".join(told.split()).replace("``", "")
                told = re.sub(r":\w+:`~?([\w.]+)`", r"\1", told)
                found |= {name.strip(): told for name in names.split(",")}
    return found


@dataclass(frozen=True)
class _Place:
    """Where settings come from, for messages; relative paths start at ``folder``."""

    source: str
    folder: Path
    prefix: str = ""

    def inside(self, name: str) -> _Place:
        return replace(self, prefix=f"{self.prefix}{name}.")

    def error(self, node: Any, message: str) -> ConfigError:
        mark = node.start_mark
        line = "" if mark is None else f":{mark.line + 1}"
        return ConfigError(f"{self.source}{line}: {message}" if self.source else message)


def _take_preset(node: yaml.Node, place: _Place) -> PipelineConfig:
    """The settings that the key ``preset`` names; the key is taken out."""
    if not isinstance(node, yaml.MappingNode):
        return PipelineConfig()
    for i, (key, value) in enumerate(node.value):
        if key.value == "preset":
            del node.value[i]
            try:
                return preset(str(value.value))
            except ValueError as error:
                raise place.error(value, str(error)) from None
    return PipelineConfig()


def _build(kind: type, base: Any, node: yaml.Node, place: _Place) -> Any:
    """A dataclass from the keys of a mapping; what it does not name is as in ``base``."""
    where = place.prefix.rstrip(".") or "the configuration"
    if not isinstance(node, yaml.MappingNode):
        raise place.error(node, f"{where} must be settings of the form `name: value`")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    nodes: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name not in hints:
            raise place.error(key, f"{place.prefix}{name} is not a setting; {_nearest(name, kind)}")
        if name in nodes:
            raise place.error(key, f"{place.prefix}{name} is given twice")
        nodes[name] = value
        inner = next((one for one in _options(hints[name]) if is_dataclass(one)), None)
        if inner is not None and not (_is_null(value) and type(None) in _options(hints[name])):
            start = getattr(base, name, None)
            if _is_null(value):
                values[name] = start  # a part with nothing in it
                continue
            values[name] = _build(inner, start, value, place.inside(name))
        else:
            values[name] = _value(hints[name], value, name, place)
    if base is None:
        for one in fields(kind):
            if one.default is MISSING and one.default_factory is MISSING and one.name not in values:
                raise place.error(node, f"{where} needs {one.name}")
    elif kind is DataConfig:  # another source replaces that of the preset
        values = {one.name: None for one in fields(kind)} | values
    try:
        return kind(**values) if base is None else replace(base, **values)
    except (ValueError, TypeError) as error:
        name = str(error).split(" ")[0]
        raise place.error(nodes.get(name, node), f"{place.prefix}{error}") from None


def _value(hint: Any, node: yaml.Node, name: str, place: _Place) -> Any:
    """The value of a field, of one of the types that it may have."""
    for option in _options(hint):
        try:
            return _converted(option, node, place.folder)
        except ValueError:
            continue
    shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or part"
    raise place.error(
        node, f"{place.prefix}{name} is {shown!r}; it must be {_described(_options(hint))}"
    )


def _converted(option: Any, node: yaml.Node, folder: Path) -> Any:
    """``node`` as one type. Raises ``ValueError`` where it is none such."""
    if get_origin(option) is tuple:
        inner = get_args(option)
        if not isinstance(node, yaml.SequenceNode):
            raise ValueError
        if inner[-1] is ...:
            inner = (inner[0],) * len(node.value)
        pairs = zip(inner, node.value, strict=True)
        return tuple(_converted(one, value, folder) for one, value in pairs)
    if not isinstance(node, yaml.ScalarNode) or "python/" in node.tag or node.tag[0] == "!":
        raise ValueError
    text = node.value
    if option is type(None):
        if _is_null(node):
            return None
        raise ValueError
    if get_origin(option) is Literal:
        if text in get_args(option):
            return text
        raise ValueError
    if option is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError
    if _is_null(node):
        raise ValueError
    if option is Path:
        return folder / Path(text).expanduser()
    return option(text)  # str, int, float: of the text, so that 1e-4 is a number


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and (node.tag == _NULL or node.value.lower() == "none")


def _options(hint: Any) -> tuple[Any, ...]:
    """The types of a union, null first, or the one type that ``hint`` is."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(sorted(get_args(hint), key=lambda one: one is not type(None)))
    return (hint,)


_KINDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    Path: "a path",
    type(None): "null",
}


def _described(options: tuple[Any, ...]) -> str:
    told = []
    for option in sorted(options, key=lambda one: one is type(None)):
        inner = get_args(option)
        if get_origin(option) is Literal:
            told += [repr(one) for one in inner]
        elif get_origin(option) is tuple:
            many = "a list" if inner[-1] is ... else f"a list of {len(inner)}"
            told.append(f"{many}, each {_KINDS[inner[0]]}")
        else:
            told.append(_KINDS[option])
    return " or ".join(told)


def _nearest(name: str, kind: type) -> str:
    """What somebody who wrote ``name`` may have meant."""
    known = [one.name for one in fields(kind)]
    elsewhere = [
        f"{part}.{name}" for part, inner in _parts() if name in {one.name for one in fields(inner)}
    ]
    near = difflib.get_close_matches(name, known, 1)
    if elsewhere:
        return f"there is {' and '.join(elsewhere)}"
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(sorted(known))}"


def _parts() -> Iterator[tuple[str, type]]:
    for name, hint in get_type_hints(PipelineConfig).items():
        if is_dataclass(hint):
            yield name, hint


def _paths(name: str) -> list[list[str]]:
    """The keys that lead to a setting; of both trainings where the name is of theirs alone."""
    parts = dict(_parts())
    if "." not in name and name not in parts:
        both = [part for part in ("cam", "mil") if name in get_type_hints(parts[part])]
        if both:
            return [[part, name] for part in both]
        known = sorted(get_type_hints(parts["mil"]))
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join([*parts, *known])}"
        raise ConfigError(f"{name} is not a setting; {hint}")
    return [name.split(".")]


def _format(config: Any, depth: int, comments: bool) -> list[str]:
    indent = "  " * depth
    told = field_help(type(config)) if comments else {}
    lines: list[str] = []
    for one in fields(config):
        value = getattr(config, one.name)
        if is_dataclass(value):
            about = (inspect.getdoc(type(value)) or "").split("\n")[0]
            if comments:
                lines += ["", f"{indent}# {about}"] if depth == 0 else [f"{indent}# {about}"]
            lines += [f"{indent}{one.name}:", *_format(value, depth + 1, comments)]
            continue
        if comments:
            text = told.get(one.name, "")
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
            )
        lines.append(f"{indent}{one.name}: {_scalar(value)}")
    return lines


def _scalar(value: Any) -> str:
    plain = str(value) if isinstance(value, Path) else value
    plain = list(plain) if isinstance(plain, tuple) else plain
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
