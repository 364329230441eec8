"""Fields into text: a template is Jinja2 with nearly everything taken away.

What remains is an allow-list of its syntax tree: text, field names, constants, `if` with comparisons, and the filters
of `FILTERS`. Loops, attributes, subscripts, calls, arithmetic, `set`, includes and Jinja's own globals are refused when
the template is compiled, with the line, so a refusal never waits for a recipient. A field's value is inserted as it is
and never read as a template again. Source and result are bounded. A field which is absent is an error, never an empty
word, unless `default` stands behind it.

Pure: a compiled template keeps no state and may be used by several threads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import jinja2
from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import SandboxedEnvironment

from gatewayd.errors import TextError

MAX_SOURCE = 4_000  # characters: more than ten times the longest text a purpose may send
MAX_RESULT = 4_000
MAX_VALUE = 8_192
_MAX_DEPTH = 20

# With the most arguments each may have: default("", true) also replaces a field which is there and empty.
FILTERS = {"upper": 0, "lower": 0, "title": 0, "capitalize": 0, "trim": 1, "default": 2}
_SYNTAX = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
)
# Names which Jinja gives a meaning of its own.
_RESERVED = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})


_WORD = re.compile(r"[^\W\d_]+")


def _title(value: object) -> str:
    """Names as French writes them: `ANNE D'ÉTRETAT` becomes `Anne D'Étretat` (Jinja's own leaves `D'étretat`)."""
    return _WORD.sub(lambda word: word[0].capitalize(), str(value))


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.filters["title"] = _title
    return environment


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: its `source`, the fields it cannot do without, and those which have a default.

    `asked` are the required fields which some `if` looks at: the author knows that they may be empty.
    """

    source: str
    required: frozenset[str]
    optional: frozenset[str]
    asked: frozenset[str]
    _compiled: jinja2.Template

    def render(self, values: Mapping[str, str]) -> str:
        """The text for one recipient. Raises TextError: a field is absent, or value or result are too long."""
        for name in self.required | self.optional:
            if len(values.get(name, "")) > MAX_VALUE:
                raise TextError(f"the field {name} is longer than {MAX_VALUE} characters", reason=f"long_field:{name}")
        try:
            text = self._compiled.render(values)
        except (UndefinedError, TypeError) as error:  # TypeError: `in` or `trim` over something that is no text
            missing = ", ".join(sorted(self.required - values.keys()))
            raise TextError(
                f"no field named {missing}" if missing else f"the template cannot be filled: {error}"
            ) from error
        if len(text) > MAX_RESULT:
            raise TextError(f"the text is {len(text)} characters long, more than {MAX_RESULT}", reason="long_text")
        return text


def compile(source: str, fields: Collection[str] | None = None) -> Template:
    """A template ready to be filled, or TextError with the line.

    With `fields`, every name which has no default must be one of them; without, any name passes until `render()`.
    """
    if len(source) > MAX_SOURCE:
        raise TextError(f"a template has at most {MAX_SOURCE} characters, this one has {len(source)}")
    tree = _parsed(source)
    _check(tree)
    names = {node.name for node in _names(tree)}
    required = {name for name, node in _names_without_default(tree)}
    if fields is not None:
        _check_fields(tree, fields)
    try:
        compiled = _ENVIRONMENT.from_string(tree)
    except (TemplateSyntaxError, SyntaxError, RecursionError) as error:
        raise TextError(f"template: {error}") from error
    asked = {name.name for branch in tree.find_all(nodes.If) for name in _names(branch.test)}
    return Template(source, frozenset(required), frozenset(names - required), frozenset(asked), compiled)


def _parsed(source: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise TextError(f"template line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise TextError("template: nested too deeply") from error


_CALLED: Mapping[type[nodes.Node], str] = {
    nodes.Getattr: "an attribute (a point behind a field)",
    nodes.Getitem: "an index ([...] behind a field)",
    nodes.For: "a loop (for)",
    nodes.Call: "a call (brackets behind a field)",
}
"""What people read of the syntax that they would miss."""


def _check(node: nodes.Node, depth: int = 0) -> None:
    """Refuses everything outside the allow-list, with its line."""
    if depth > _MAX_DEPTH:
        raise TextError(f"template line {node.lineno}: nested too deeply")
    if not isinstance(node, _SYNTAX):
        word = _CALLED.get(type(node), type(node).__name__.lower())
        raise TextError(f"template line {node.lineno}: {word} is not allowed; only fields, filters and if are")
    if isinstance(node, nodes.Name) and (node.ctx != "load" or node.name in _RESERVED or node.name.startswith("_")):
        raise TextError(f"template line {node.lineno}: {node.name} is not the name of a field")
    if isinstance(node, nodes.Const) and not isinstance(node.value, str | bool):
        raise TextError(f"template line {node.lineno}: {node.value!r} is no text; write it between quotes")
    if isinstance(node, nodes.Filter):
        _check_filter(node)
    for child in node.iter_child_nodes():
        _check(child, depth + 1)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        known = ", ".join(sorted(FILTERS))
        raise TextError(f"template line {node.lineno}: no filter named {node.name}; there are {known}")
    if len(node.args) > FILTERS[node.name] or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise TextError(f"template line {node.lineno}: {node.name} takes no more than {FILTERS[node.name]} arguments")


def _check_fields(tree: nodes.Template, fields: Collection[str]) -> None:
    for name, node in _names_without_default(tree):
        if name not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise TextError(f"template line {node.lineno}: no field named {name}; there are {known}")


def _names(node: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        yield node
    yield from node.find_all(nodes.Name)


def _names_without_default(node: nodes.Node) -> Iterator[tuple[str, nodes.Name]]:
    """The fields which must be there; a name behind `default` need not."""
    if isinstance(node, nodes.Name):
        yield node.name, node
    for child in node.iter_child_nodes():
        has_default = isinstance(node, nodes.Filter) and node.name == "default" and child is node.node
        if not (has_default and isinstance(child, nodes.Name)):
            yield from _names_without_default(child)
