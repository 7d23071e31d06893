# SPDX-License-Identifier: Apache-2.0
"""The configuration as captured, applied to the code that is to run."""

from __future__ import annotations

import ast
import importlib
import sys
from typing import Any

__all__ = ("Refused", "frozen_config", "import_class")


class Refused(Exception):  # noqa: N818  (an answer, not an error)
    """The quantum must not run; the response says why, and nothing has run."""

    def __init__(self, reason: str, **details: object) -> None:
        super().__init__(reason)
        self.details = details


def import_class(name: str, what: str) -> Any:
    """Return a class by its full name; `what` it is, for people."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as err:
        raise Refused(f"the {what} {name} can't be imported: {type(err).__name__}: {err}") from err


def frozen_config(config_class: Any, text: str) -> Any:
    """Return the configuration as captured: every field set, none left to a default of today's code."""
    config = config_class()
    removed = []
    for statement in ast.parse(text).body:
        try:
            _apply(statement, config)
        except (AttributeError, KeyError):
            removed.append(ast.unparse(statement).partition(" = ")[0].removeprefix("config."))
        except Exception as err:
            shown = ast.unparse(statement)[:120]
            raise Refused(f"the code does not take the captured configuration ({shown}): {err}") from err
    frozen, now = _assigned(text), _assigned(config.saveToString())
    added = sorted(now.keys() - frozen.keys())
    if removed or added:
        fields = [f"{name} is new" for name in added] + [f"{name} is gone" for name in removed]
        raise Refused(
            "the code's configuration has other fields than the captured one: " + "; ".join(fields),
            fields_added=added,
            fields_removed=removed,
        )
    changed = [name for name in frozen if frozen[name] != now.get(name)]
    if changed:
        raise Refused(f"the code changes the captured value of {', '.join(changed)}")
    return config


def _apply(statement: ast.stmt, config: Any) -> None:
    """Carry out one statement of a configuration that was regenerated from a whitelist (`envcap.pexconfig`)."""
    from lsst.pex.config import Config

    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        called = ast.unparse(statement.value.func)
        if called != "float" and not issubclass(import_class(called, "config class"), Config):
            raise Refused(f"{called} is no configuration class")
    names = {"config": config, "float": float, "__builtins__": {"__import__": __import__, "type": type}}
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node)) and not dotted.startswith("config."):
            top = dotted.partition(".")[0]
            import_class(dotted, "class")
            names[top] = sys.modules[top]
    exec(compile(ast.Module([statement], []), "<captured configuration>", "exec"), names)  # noqa: S102


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else None
    return node.id if isinstance(node, ast.Name) else None


def _assigned(text: str) -> dict[str, str]:
    """Return the fields that a dump assigns, with their values in one spelling."""
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            value = ast.unparse(statement.value).replace("float('inf')", "inf").replace("float('-inf')", "-inf")
            found[ast.unparse(statement.targets[0]).removeprefix("config.")] = value.replace("float('nan')", "nan")
    return found
