"""The expression language: Jinja2's expressions, with `if`, `for` and `set`, over plain data.

Used by the agent (`when`, `foreach`, `{{ }}`, templates) and by the server for previews. It interprets data, not
Python: no attribute of an object can be reached, unknown words are errors before anything runs, and every rendering
is bounded in steps and in memory by accounting for both (docs/decisions/0002). Grammar and meaning are Jinja2's; tests
hold it against Jinja2 itself.

What it does not own: which paths exist (the compiler proves that, `reconciler/expressions.py`) and secrets
(`schema/secrets.py`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from schema.expressions.errors import ExpressionError as ExpressionError
from schema.expressions.errors import Kind as Kind
from schema.expressions.tags import has_tags as has_tags

if TYPE_CHECKING:
    from schema.expressions.functions import compare_versions as compare_versions
    from schema.expressions.host import HostFunctions as HostFunctions
    from schema.expressions.host import NoHost as NoHost
    from schema.expressions.renderer import Renderer as Renderer
    from schema.expressions.running import Allowance as Allowance

# A catalog of plain text is converged to without any of these.
_LATE: Final = {
    "Allowance": "running",
    "HostFunctions": "host",
    "NoHost": "host",
    "Renderer": "renderer",
    "compare_versions": "functions",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    return found
