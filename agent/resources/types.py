"""What a resource type is: three functions and one value. `ResourceType.converge` is their only caller.

So idempotence, dry run, verification and the words of a report are written once. A type decides nothing about order,
conditions or notifications: that is `agent.converge`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from agent.hosts import Host, HostFault
from agent.hosts.host import forget
from agent.tools.difference import Change as Change
from agent.tools.difference import describe
from schema.protocol.reports import Outcome
from schema.resources import ResourceSpec

if TYPE_CHECKING:
    from agent.glance import Rests


class ResourceFailed(Exception):
    """This resource cannot be what it should be; the message says why, to a person."""


class StillDiffers(ResourceFailed):
    """It was applied, and is not as it should be all the same."""


class Content(NamedTuple):
    """Bytes that a spec names: known by digest and size, loaded only when they are written or shown."""

    sha256: str
    size: int
    load: Callable[[], bytes]


Sources = Callable[[str], Content]
"""From a `source:` path to its content, rendered if it is a template. Raises `ResourceFailed`."""


class Observed(Protocol):
    """What `check` returns: anything, with a note for the report (why a part is not managed here) or an empty one."""

    @property
    def note(self) -> str: ...


class Converged(NamedTuple):
    """What became of one resource."""

    outcome: Outcome
    action: str = "none"
    changed: bool = False
    diff: str = ""
    error: str = ""
    reason: str = ""
    found: Sequence[Change] = ()
    """What was otherwise than desired, before anything was done about it."""
    undone: bool = False
    """Whether it was applied, and otherwise again when it was looked at right afterwards."""


UNCHANGED: Final = Converged(Outcome.UNCHANGED)


class Kept(NamedTuple):
    """How what is no path is taken down before it is changed, and put back by an undo: see `agent.states`."""

    names: Callable[[Any], Sequence[str]]
    """Of what is about to be changed, by the spec."""
    state: Callable[[Host, str], Mapping[str, Any]]
    """What one of them is now, to be written as JSON; empty where it is not there."""
    put_back: Callable[[Host, str, Mapping[str, Any], Mapping[str, Any]], str]
    """Make one what it was before, from what it is now. Returns what of it could not be. Raises as `apply` does."""


P = TypeVar("P")
T = TypeVar("T", bound=Observed)


def _as_it_is(spec: Any, _sources: Sources) -> Any:
    return spec


def _update(_spec: Any, _state: Any) -> str:
    return "update"


def _never(_spec: Any) -> bool:
    return False


def _supported(_host: Host) -> str | None:
    return None


def _nothing(_spec: Any) -> Sequence[str]:
    return ()


def _none_of(_host: Host, _spec: Any) -> Sequence[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ResourceType(Generic[P, T]):
    """One kind of thing on a host, and how it is made so.

    `check` reads and never writes; `diff` is pure; `apply` is called only when `diff` is not empty and makes the fewest
    writes, each atomic, so that whatever it leaves undone the next call finishes.
    """

    spec: type[ResourceSpec]
    check: Callable[[Host, P], T]
    diff: Callable[[P, T], Sequence[Change]]
    apply: Callable[[Host, P, T], None]
    prepare: Callable[[Any, Sources], P] = _as_it_is
    """What the functions above get: the spec itself, or what was worked out of it once for many runs."""
    action: Callable[[P, T], str] = _update
    """One word for what apply does in this state."""
    of_machine: bool = False
    """Whether it is about the machine as a whole: of a usercrate, too, it is done as root, and not as the user."""
    confinable: bool = False
    """Whether it works through paths alone, so that a directory can stand for the machine."""
    unsupported: Callable[[Host], str | None] = _supported
    """Why this host cannot have it at all (no systemd, no apt); None when it can."""
    prefetch: Callable[[Host, Sequence[P]], None] | None = None
    """Reads what many resources need at once, into the host's memo."""
    is_act: Callable[[P], bool] = _never
    """Whether it is something to be done (restart), not a state that can be verified afterwards."""
    paths: Callable[[P], Sequence[str]] = _nothing
    """Paths whose change means drift of this resource."""
    shows_in: Callable[[Host, P], Sequence[str]] | None = None
    """Places beyond these (`agent.places`) at which a change of it shows, as this host has them: of many resources at
    once, so that a change there need not be drift."""
    unseen: str = ""
    """What of it shows nowhere, so that it waits for the full check; for the page of the type."""
    leaves: Callable[[P], Sequence[object]] = _nothing
    """What is in the host's memo and cannot be otherwise after a change of this."""
    rests: Callable[[P], Rests | None] | None = None
    """What alone decides whether it is as it should be, where that is a file; None of what depends on more."""
    there: Callable[[T], bool] | None = None
    """Whether something stands at the path that it owns, as `check` has found it."""
    needs_network: bool = False
    """Whether the programs that it runs open network sockets (a package manager, git, iptables), or start what does (a
    service where no systemd starts it). Those of any other type cannot: `agent.hosts.reach`, `agent.errands`."""
    may_cut_off: Callable[[P], bool] = _never
    """Whether what it changes could cut the host off from its server: firewall, addresses, name resolution."""
    touches: Callable[[Host, P], Sequence[str]] = _none_of
    """Paths that its programs change, beside what it changes itself: kept before, so that they can be put back."""
    kept: Kept | None = None
    """What of it an undo puts back that is no path; None where there is nothing, or nothing can be."""
    reread: Callable[[Host, P], None] | None = None
    """Makes what runs follow the files that an undo has put back; None where nothing has to."""

    @property
    def shows_somewhere(self) -> bool:
        """Whether any change of it is seen before the full check."""
        return self.paths is not _nothing or self.shows_in is not None

    def skipped(self, host: Host) -> str | None:
        """Why this type does nothing on this host; None when it does."""
        if host.confined and not self.confinable:
            return "cannot be confined to a directory"
        return self.unsupported(host)

    def converge(
        self,
        host: Host,
        prepared: P,
        *,
        dry_run: bool,
        tainted: bool = False,
        before: Callable[[bool | None], Host] | None = None,
    ) -> Converged:
        """Check, and where the host differs, apply and check again.

        Args:
            prepared: what `prepare` returned.
            dry_run: stop before apply, and say what would change.
            tainted: the spec holds secrets: what is replaced is not shown, for it may be an older one.
            before: called once, when something is about to be changed, with what `there` says; answers the host to
                change it through, and what it raises keeps it from being changed.
        """
        action, shown = "none", ""
        changes: Sequence[Change] = ()
        try:
            state = self.check(host, prepared)
            changes = self.diff(prepared, state)
            if not changes:
                return Converged(Outcome.UNCHANGED, reason=state.note) if state.note else UNCHANGED
            action, shown = self.action(prepared, state), describe(changes, tainted=tainted)
            if not dry_run:
                there = None if self.there is None else self.there(state)
                self._make_so(host, host if before is None else before(there), prepared, state)
        except (ResourceFailed, HostFault, OSError) as error:
            undone = isinstance(error, StillDiffers)
            return Converged(Outcome.FAILED, action, diff=shown, error=_say(error), found=changes, undone=undone)
        return Converged(Outcome.CHANGED, action, changed=True, diff=shown, reason=state.note, found=changes)

    def _make_so(self, host: Host, through: Host, prepared: P, state: T) -> None:
        try:
            self.apply(through, prepared, state)
        except FileNotFoundError as error:
            above = posixpath.dirname(getattr(prepared, "path", "") or "/")
            if host.lstat(above) is not None:
                raise
            raise ResourceFailed(f"{above} is not there; a `directory` resource before this one makes it") from error
        finally:
            forget(host, but=self.leaves(prepared))
        if self.is_act(prepared):
            return
        if left := self.diff(prepared, self.check(host, prepared)):
            raise StillDiffers(f"was applied, but still differs in {', '.join(change.field for change in left)}")


def _say(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return str(error)
