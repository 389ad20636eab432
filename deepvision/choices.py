"""Choices: a name, or a name with arguments, looked up in a table and checked before anything is built.

"group"                          a name
"group(groups=8)"                a call, as written on a command line
dict(name="group", groups=8)     a mapping, as written in a config file
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deepvision.errors import UserError, unknown


@dataclasses.dataclass(frozen=True)
class Choice:
    """An entry of a table together with the arguments the user gave. Hashable, so that a module can hold it.

    Calling it calls the entry with those arguments and the ones of the site.
    """

    name: str
    entry: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...] = ()

    def __call__(self, **site: Any) -> Any:
        return self.entry(**{**dict(self.arguments), **site})

    def __str__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.arguments)
        return f"{self.name}({arguments})" if arguments else self.name


def resolve(table: Mapping[str, Callable[..., Any]], choice: Any, what: str) -> Choice:
    """Returns the entry of `table` that `choice` names, with its arguments checked.

    Args:
        table: name -> class or function; the parameters it may be given are those of its signature.
        choice: a name, a call or a mapping (see the module), or a `Choice` already.
        what: the kind of thing, for messages ("norm").

    Raises:
        UserError: the name is not in the table, or an argument does not exist; the message lists what does.
    """
    if isinstance(choice, Choice):
        return choice
    name, arguments = parse(choice, what)
    if name not in table:
        raise unknown(what, name, table)
    valid = user_arguments(table[name])
    for key in arguments:
        if key not in valid:
            raise unknown(f"argument of {what} {name!r}:", key, valid or ["(it takes none)"])
    frozen = tuple((valid[key], _hashable(value)) for key, value in arguments.items())
    return Choice(name, table[name], frozen)


def parse(choice: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Splits a choice into its name and its arguments."""
    if isinstance(choice, Mapping) or hasattr(choice, "to_dict"):
        arguments = dict(choice.to_dict() if hasattr(choice, "to_dict") else choice)
        if "name" not in arguments:
            raise UserError(f"a {what} given as a mapping needs a 'name', got {arguments}")
        return arguments.pop("name"), arguments
    if not isinstance(choice, str):
        raise UserError(f"a {what} is a name, name(argument=value) or a mapping with a name, got {choice!r}")
    if "(" not in choice:
        return choice.strip(), {}
    return _parse_call(choice, what)


def _parse_call(text: str, what: str) -> tuple[str, dict[str, Any]]:
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            raise ValueError(text)
        return call.func.id, {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError):
        raise UserError(f"cannot read {what} {text!r}: write name or name(argument=value, ...)") from None


def user_arguments(entry: Callable[..., Any]) -> dict[str, str]:
    """Returns the arguments of a table's entry that a user may set, as word -> parameter.

    They are the parameters of its signature but `site_arguments`, which its site sets. `argument_words` (parameter ->
    word) renames what cannot bear its natural name in code.
    """
    internal = {"self", "name", "parent", "x", *getattr(entry, "site_arguments", ())}
    words = getattr(entry, "argument_words", {})
    return {words.get(name, name): name for name in inspect.signature(entry).parameters if name not in internal}


def _hashable(value: Any) -> Any:
    return tuple(_hashable(v) for v in value) if isinstance(value, list | tuple) else value
