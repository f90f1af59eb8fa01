"""Workers: what the server does by itself. Shells around the reconciler's loop, each performing some of its effects.

They judge nothing: `LoopCore` says what to do, these do it (read git, compile, sign, store, push) and say how it went.
Compiling and reading git happen in threads; the event loop is never held up.
"""

from __future__ import annotations
