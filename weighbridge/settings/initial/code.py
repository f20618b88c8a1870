"""Reads a Python module without running it: applications of FastAPI and Celery, routes, and variables that it needs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Library = Literal["fastapi", "celery"]
_CLASSES: Mapping[str, Library] = {"FastAPI": "fastapi", "Celery": "celery"}
_DEFAULT_OPENAPI = "/openapi.json"
_GETTERS = {"getenv", "environ.get", "os.getenv", "os.environ.get"}
_MAPPINGS = {"environ", "os.environ"}
_SETTINGS = "BaseSettings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application, or a function that makes one."""

    library: Library
    name: str
    """Its name in the module."""
    is_factory: bool = False
    needs_arguments: bool = False
    """Of a factory: whether nobody can call it who knows nothing else."""
    routes: tuple[str, ...] = ()
    """Paths without parameters that it answers to GET."""
    openapi: str | None = _DEFAULT_OPENAPI
    """Path of its OpenAPI document; None: it has none, or the path is computed. `{NAME}` stands for a variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of the environment that a module reads."""

    name: str
    default: str | None = None
    """None: it has to be set. Empty also stands for a default that is computed."""
    type: str = "str"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What a module has."""

    applications: tuple[Application, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    """Name -> the function whose result it is given, at the top of the module."""
    variables: tuple[Variable, ...] = ()
    addresses: tuple[str, ...] = ()
    """Texts that are URLs of something else than the web."""
    has_schedule: bool = False
    """Whether it sets Celery's `beat_schedule`."""


def read_module(text: str | bytes) -> Module | None:
    """Return what a module has; None if it is no Python, or nested too deeply."""
    try:
        return _read(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also of trees that are too deep for us
        return None


def _read(tree: ast.Module) -> Module:
    nodes = [*ast.walk(tree)]
    reader = _Reader(_read_imports(nodes), _read_routes(nodes))
    top = [*_list_top(tree.body)]
    return Module(
        applications=(*reader.list_applications(top), *reader.list_factories(top)),
        made={name: _name(value.func) for name, value in _list_calls(top) if _name(value.func)},
        variables=tuple(_list_variables(nodes)),
        addresses=tuple(dict.fromkeys(each.value for each in nodes if _is_address(each))),  # type: ignore[attr-defined]
        has_schedule=any(map(_sets_schedule, nodes)),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    imports: Mapping[str, str]
    routes: Mapping[str, list[str]]

    def list_applications(self, top: list[ast.stmt]) -> Iterator[Application]:
        for name, call in _list_calls(top):
            if library := self._find_library(call):
                yield self._describe(name, name, library, call)

    def list_factories(self, top: list[ast.stmt]) -> Iterator[Application]:
        for function in top:
            if isinstance(function, ast.FunctionDef):
                inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
                calls = dict(_list_calls(inside))
                for node in inside:
                    if isinstance(node, ast.Return) and node.value is not None:
                        local = _name(node.value)
                        call = node.value if isinstance(node.value, ast.Call) else calls.get(local)
                        if call and (library := self._find_library(call)):
                            yield self._describe(function.name, local, library, call, function)
                            break

    def _describe(
        self, name: str, local: str, library: Library, call: ast.Call, factory: ast.FunctionDef | None = None
    ) -> Application:
        given = {each.arg: each.value for each in call.keywords}
        openapi = given.get("openapi_url")
        return Application(
            library=library,
            name=name,
            is_factory=factory is not None,
            needs_arguments=factory is not None and _needs_arguments(factory.args),
            routes=tuple(self.routes.get(local, ())),
            openapi=_DEFAULT_OPENAPI if openapi is None else _read_template(openapi),
        )

    def _find_library(self, call: ast.Call) -> Library | None:
        name = _name(call.func)
        first, _, rest = name.partition(".")
        full = f"{self.imports.get(first, first)}.{rest}" if rest else self.imports.get(first, "")
        package, _, called = full.rpartition(".")
        library = _CLASSES.get(called)
        return library if library and package.partition(".")[0] == library else None


def _list_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, also below `if` and `try`."""
    for each in body:
        yield each
        if isinstance(each, ast.If | ast.Try | ast.With):
            yield from _list_top(each.body)
            for handler in getattr(each, "handlers", []):
                yield from _list_top(handler.body)
            yield from _list_top(getattr(each, "orelse", []))


def _list_calls(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.Call]]:
    """Yield name -> the call whose result it is given."""
    for each in statements:
        targets = each.targets if isinstance(each, ast.Assign) else [each.target] if _is_annotated(each) else []  # type: ignore[attr-defined]
        if isinstance(value := getattr(each, "value", None), ast.Call):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def _is_annotated(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign)


def _read_imports(nodes: list[ast.AST]) -> dict[str, str]:
    """Return name in the module -> what it was imported as, with its module."""
    found = dict[str, str]()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module or ''}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names}
    return found


def _read_routes(nodes: list[ast.AST]) -> dict[str, list[str]]:
    """Return name of an application or a router -> its GET paths without parameters."""
    found = dict[str, list[str]]()
    for node in nodes:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            if isinstance(decorator, ast.Call) and _name(decorator.func).endswith(".get") and decorator.args:
                path = _read_text(decorator.args[0])
                if path and path.startswith("/") and "{" not in path:
                    found.setdefault(_name(decorator.func).removesuffix(".get"), []).append(path)
    return found


def _list_variables(nodes: list[ast.AST]) -> Iterator[Variable]:
    for node in nodes:
        if isinstance(node, ast.Subscript) and _name(node.value) in _MAPPINGS and isinstance(node.ctx, ast.Load):
            if name := _read_text(node.slice):
                yield Variable(name=name)
        elif isinstance(node, ast.Call) and _name(node.func) in _GETTERS and node.args:
            if name := _read_text(node.args[0]):
                yield Variable(name=name, default=_read_default(node.args[1]) if len(node.args) > 1 else "")
        elif isinstance(node, ast.ClassDef) and any(_name(base).endswith(_SETTINGS) for base in node.bases):
            yield from _list_fields(node)


def _list_fields(settings: ast.ClassDef) -> Iterator[Variable]:
    """Yield the variables that a class of pydantic's settings reads: its fields, with their prefix."""
    prefixes = [each for each in ast.walk(settings) if isinstance(each, ast.keyword) and each.arg == "env_prefix"]
    prefix = next((_read_text(each.value) for each in prefixes), "") or ""
    for each in settings.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id != "model_config":
            name = f"{prefix}{each.target.id}".upper()
            yield Variable(name=name, default=_read_default(each.value), type=ast.unparse(each.annotation))


def _read_default(value: ast.expr | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, ast.Call) and _name(value.func).endswith("Field"):
        given = {each.arg: each.value for each in value.keywords}
        if "default_factory" in given:
            return ""
        value = value.args[0] if value.args else given.get("default")
        return _read_default(value)
    if isinstance(value, ast.Constant) and value.value is ...:
        return None
    return _read_text(value) or ""


def _read_text(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _read_template(value: ast.expr) -> str | None:
    """Return a text, or an f-string of texts and names, of which each one's last part stands in braces."""
    if not isinstance(value, ast.JoinedStr):
        return _read_text(value)
    parts = [
        f"{{{_name(each.value).rpartition('.')[2]}}}"
        if isinstance(each, ast.FormattedValue)
        else _read_text(each) or ""
        for each in value.values
    ]
    return None if "{}" in parts else "".join(parts)


def _is_address(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    scheme, separator, _ = node.value.partition("://")
    return bool(separator) and scheme.isprintable() and " " not in node.value and not scheme.startswith("http")


def _sets_schedule(node: ast.AST) -> bool:
    """Tell whether `beat_schedule` gets something that is not empty."""
    if isinstance(node, ast.keyword):
        return node.arg == "beat_schedule" and not _is_empty(node.value)
    if isinstance(node, ast.Assign):
        return any(_name(each).endswith("beat_schedule") for each in node.targets) and not _is_empty(node.value)
    return False


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.Dict) and not value.keys


def _needs_arguments(arguments: ast.arguments) -> bool:
    plain = len(arguments.posonlyargs) + len(arguments.args) > len(arguments.defaults)
    return plain or any(default is None for default in arguments.kw_defaults)


def _name(node: ast.expr) -> str:
    """Return a name with dots; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (first := _name(node.value)):
        return f"{first}.{node.attr}"
    return ""
