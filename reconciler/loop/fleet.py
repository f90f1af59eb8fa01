"""Fleet: every connected envoy is brought to what it is to follow, each at its own pace.

The part of the core that acts on the difference; what each is to follow is decided by `releases`. It keeps nothing of
an envoy that is not connected: such a one is assigned when it connects, and gets its target with the welcome.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from reconciler.loop.effects import Assign, Effect, Push
from reconciler.loop.envoys import REFUSALS, Envoy, Key, Need, UnderWay, is_ahead, is_answer
from reconciler.loop.events import EnvoyConnected, Faulted
from reconciler.loop.limits import MAX_DOUBLINGS, Limits, wait_s
from reconciler.loop.moments import Moment
from reconciler.ports import Assigned, Desired, Order
from schema import canonical
from schema.errors import Next
from schema.ids import sha256

RENEW_SPREAD: Final = 0.1
"""An assignment is renewed after 0.4 to 0.5 of its life: those made in one second are not renewed in one."""


class Fleet:
    """The connected envoys, and what is under way for them. Bounded by their number and by `Limits`."""

    def __init__(self, *, secrets: Mapping[str, int], limits: Limits, random: Callable[[], float]) -> None:
        self.envoys: Final[dict[str, Envoy]] = {}
        self._limits: Final = limits
        self._random: Final = random
        self._versions: Final[dict[str, int]] = dict(secrets)
        self._keys: Final[dict[tuple[str, ...], str]] = {}
        # Dictionaries as ordered sets: what came first goes first, and the order is the same in every run.
        self._queues: Final[dict[tuple[Need, bool], dict[str, None]]] = {
            (need, retry): {} for need in (Need.ASSIGN, Need.PUSH) for retry in (False, True)
        }
        self._assigning: Final[dict[str, UnderWay]] = {}
        self._pushing: Final[dict[str, UnderWay]] = {}
        self._timers: Final[list[tuple[float, str]]] = []
        self._armed: Final[dict[str, float]] = {}

    @property
    def pressing(self) -> bool:
        """Whether anything is to be made for envoys or handed to them, those apart that are tried again."""
        fresh = self._queues[Need.ASSIGN, False] or self._queues[Need.PUSH, False]
        return bool(fresh or self._assigning or self._pushing)

    @property
    def assigning(self) -> bool:
        """Whether any assignment is being made."""
        return bool(self._assigning)

    def follow(
        self, envoy: Envoy, *, commit: str | None, plan_root: str, desired: Desired | None, held: bool, now: Moment
    ) -> None:
        """From now on this is desired of an envoy."""
        before, was = self._key(envoy), envoy.commit
        envoy.commit, envoy.plan_root, envoy.desired, envoy.held = commit, plan_root, desired, held
        changed = self._key(envoy) != before
        if changed or (commit != was and not envoy.stalled_for_good):
            self._unstall(envoy)
        if changed:
            envoy.attempts, envoy.not_before = 0, 0.0
        self._settle(envoy, now)

    def again(self, envoy: Envoy, now: Moment) -> None:
        """Have an envoy run what it holds once more: by another assignment of the same."""
        envoy.renew_at = min(envoy.renew_at, now.wall)
        self._settle(envoy, now)

    def has(self, envoy: Envoy) -> bool:
        """Whether an envoy has taken what it is to be."""
        held, desired = envoy.assigned, envoy.desired
        return (
            held is not None
            and desired is not None
            and held.catalog_sha256 == desired.catalog_sha256
            and envoy.applied is not None
            and envoy.applied >= held.order
        )

    def waits_for(self, envoy: Envoy, now: Moment) -> Need:
        """What a connected envoy waits for, as it is told to people."""
        need = self.need(envoy, now)
        return Need.HELD if envoy.held and need is Need.NOTHING else need

    def connected(self, event: EnvoyConnected, now: Moment) -> Envoy | None:
        """An envoy is there, perhaps again; None when it has a newer connection."""
        envoy = self.envoys.get(event.envoy_id)
        if envoy is not None and envoy.connection > event.connection:
            return None
        if envoy is None:
            envoy = self.envoys[event.envoy_id] = Envoy(event.envoy_id, event.hostname, event.connection)
        envoy.hostname, envoy.connection, envoy.connected = event.hostname, event.connection, True
        envoy.applied = event.applied
        envoy.attempts, envoy.not_before, envoy.sends = 0, 0.0, 0
        self._unstall(envoy)
        self._pushing.pop(envoy.id, None)
        if event.assigned is not None:
            self._hold(envoy, event.assigned)
        # The welcome carried what the store held; what was made since then, it did not.
        envoy.sent = event.assigned.order if event.assigned is not None and event.carried else None
        envoy.acknowledge_by = now.mono + self._limits.acknowledge_s
        self._settle(envoy, now)
        return envoy

    def disconnected(self, envoy_id: str, connection: int) -> None:
        """A connection is gone; what is under way for the envoy is still awaited."""
        envoy = self.envoys.get(envoy_id)
        if envoy is None or envoy.connection != connection:
            return
        envoy.connected = False
        self._pushing.pop(envoy_id, None)
        self._drop(envoy)

    def removed(self, envoy_id: str) -> None:
        """An envoy is no more."""
        envoy = self.envoys.pop(envoy_id, None)
        if envoy is not None:
            self._pushing.pop(envoy_id, None)
            self._assigning.pop(envoy_id, None)
            self._armed.pop(envoy_id, None)
            self._unqueue(envoy_id)

    def made(self, envoy_id: str, assigned: Assigned, now: Moment) -> None:
        """An assignment is durable."""
        envoy = self.envoys.get(envoy_id)
        if envoy is None:
            return
        under_way = self._assigning.get(envoy_id)
        if under_way is not None and is_answer(under_way.effect, assigned):
            del self._assigning[envoy_id]
        self._hold(envoy, assigned)
        envoy.attempts = 0 if not envoy.refused else envoy.attempts
        envoy.not_before = 0.0
        self._drop(envoy)
        self._settle(envoy, now)

    def pushed(self, envoy_id: str, order: Order, now: Moment) -> None:
        """An envoy's connection has taken what was pushed."""
        under_way = self._pushing.get(envoy_id)
        if under_way is None or not isinstance(under_way.effect, Push) or order < under_way.effect.order:
            return
        del self._pushing[envoy_id]
        envoy = self.envoys[envoy_id]
        # The store may have held a newer one by then, of which the answer is still to come.
        envoy.sent = max(order, envoy.sent or order)
        self._settle(envoy, now)

    def accepted(self, envoy_id: str, order: Order, now: Moment) -> None:
        """An envoy has taken the assignment of this order."""
        envoy = self.envoys.get(envoy_id)
        if envoy is None:
            return
        envoy.applied = max(order, envoy.applied or order)
        if envoy.assigned is not None and envoy.applied >= envoy.assigned.order:
            envoy.attempts, envoy.sends, envoy.refused = 0, 0, ""
            self._unstall(envoy)
        self._settle(envoy, now)

    def refused(self, envoy_id: str, assignment_sha256: str, code: str, now: Moment) -> None:
        """An envoy has not taken an assignment."""
        envoy = self.envoys.get(envoy_id)
        if envoy is None or envoy.assigned is None or envoy.assigned.assignment_sha256 != assignment_sha256:
            return
        if envoy.refused == assignment_sha256:
            return
        envoy.refused = assignment_sha256
        self._fail(envoy, f"refused by the envoy: {code}", REFUSALS.get(code, Next.BACK_OFF), None, now)
        self._settle(envoy, now)

    def secrets_changed(self, versions: Mapping[str, int | None], now: Moment) -> None:
        """These secrets have other versions now."""
        for name, version in versions.items():
            if version is None:
                self._versions.pop(name, None)
            else:
                self._versions[name] = max(version, self._versions.get(name, version))
        self._keys.clear()
        for envoy in self.envoys.values():
            if envoy.desired is not None and not versions.keys().isdisjoint(envoy.desired.secrets):
                self._unstall(envoy)
                envoy.attempts, envoy.not_before = 0, 0.0
                self._settle(envoy, now)

    def faulted(self, fault: Faulted, now: Moment) -> None:
        """An effect on an envoy could not be performed."""
        effect = fault.effect
        if not isinstance(effect, Assign | Push):
            return
        all_under_way = self._assigning if isinstance(effect, Assign) else self._pushing
        under_way = all_under_way.get(effect.envoy_id)
        if under_way is None or under_way.effect != effect:
            return
        del all_under_way[effect.envoy_id]
        envoy = self.envoys[effect.envoy_id]
        kind = fault.next
        if isinstance(effect, Push):
            envoy.sent = None
            # Whatever kept one connection from taking it says nothing of the next, which may be there already.
            kind = Next.AFTER if kind is Next.AFTER else Next.BACK_OFF
        self._fail(envoy, fault.message, kind, fault.retry_after_s, now)
        self._drop(envoy)
        self._settle(envoy, now)

    def drive(self, now: Moment) -> list[Effect]:
        """What to do next, within the places there are."""
        for under_way in (self._assigning, self._pushing):
            # Of each kind all get the same time, so the first that was begun is the first to run out.
            if under_way and next(iter(under_way.values())).deadline <= now.mono:
                self._expire(under_way, now)
        while self._timers and self._timers[0][0] <= now.mono:
            at, envoy_id = heapq.heappop(self._timers)
            if self._armed.get(envoy_id) == at:
                del self._armed[envoy_id]
                envoy = self.envoys.get(envoy_id)
                if envoy is not None:
                    self._settle(envoy, now)
        effects: list[Effect] = []
        for (need, retry), queue in self._queues.items():
            if not queue:
                continue
            places = self._limits.assigning if need is Need.ASSIGN else self._limits.pushing
            effects += self._take(queue, need, max(1, places // self._limits.retry_share) if retry else places, now)
        return effects

    def wake_at(self) -> float | None:
        """When `drive` will have something to do though nothing happens."""
        while self._timers and self._armed.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        at = self._timers[0][0] if self._timers else None
        for under_way in (self._assigning, self._pushing):
            if under_way:
                deadline = next(iter(under_way.values())).deadline
                at = deadline if at is None or deadline < at else at
        return at

    def need(self, envoy: Envoy, now: Moment) -> Need:
        """What an envoy is waiting for, whether or not its time has come."""
        key = self._key(envoy)
        if envoy.held and (envoy.desired is None or envoy.assigned is None):
            return Need.HELD
        if envoy.desired is None:
            return Need.UNMATCHED
        if key is None or is_ahead(envoy):
            return Need.STALLED
        if self._differs(envoy, key, now):
            return Need.STALLED if envoy.stalled_key == key else Need.ASSIGN
        assert envoy.assigned is not None
        if envoy.applied is not None and envoy.applied >= envoy.assigned.order:
            return Need.NOTHING
        if envoy.sent == envoy.assigned.order and now.mono < envoy.acknowledge_by:
            return Need.NOTHING
        return Need.STALLED if envoy.stalled_key == key else Need.PUSH

    def stalled(self, envoy: Envoy) -> str:
        """Why there is no newer assignment for an envoy; empty where nothing is in the way."""
        if envoy.held:
            return "it is on hold, or waits for its turn"
        if envoy.desired is not None and self._key(envoy) is None:
            missing = [name for name in envoy.desired.secrets if name not in self._versions]
            return f"no such secret: {', '.join(missing)}"
        return "it holds a newer assignment than this server knows of" if is_ahead(envoy) else envoy.stalled_by

    # judgement of one envoy

    def _key(self, envoy: Envoy) -> Key | None:
        """What it is to hold, in the terms in which two assignments are the same; None while a secret is missing."""
        desired = envoy.desired
        if desired is None:
            return None
        root = envoy.plan_root if self._limits.pin_plan else ""
        if not desired.secrets:
            return desired.catalog_sha256, "", root
        if any(name not in self._versions for name in desired.secrets):
            return None
        return desired.catalog_sha256, self._secrets_key(desired.secrets), root

    def _secrets_key(self, names: tuple[str, ...]) -> str:
        if not names:
            return ""
        known = self._keys.get(names)
        if known is None:
            known = self._keys[names] = sha256(canonical.dumps({name: self._versions[name] for name in names}))
        return known

    def _differs(self, envoy: Envoy, key: Key, now: Moment) -> bool:
        held = envoy.assigned
        if held is None or envoy.refused == held.assignment_sha256 or now.wall >= envoy.renew_at:
            return True
        if envoy.held:
            return False
        root = held.plan_root if self._limits.pin_plan else ""
        return key != (held.catalog_sha256, held.secrets_key, root)

    def _hold(self, envoy: Envoy, assigned: Assigned) -> None:
        if envoy.assigned is not None and assigned.order <= envoy.assigned.order:
            return
        envoy.assigned = assigned
        life = assigned.expires - assigned.created
        envoy.renew_at = assigned.created + int(life * (0.5 - RENEW_SPREAD * self._random()))

    # queues

    def _settle(self, envoy: Envoy, now: Moment) -> None:
        """Put an envoy where it belongs now: in a queue, on a timer, or nowhere."""
        self._unqueue(envoy.id)
        self._armed.pop(envoy.id, None)
        if not envoy.connected or envoy.id in self._assigning:
            return
        need = self.need(envoy, now)
        if need in {Need.ASSIGN, Need.PUSH}:
            if need is Need.PUSH and envoy.id in self._pushing:
                return
            if now.mono < envoy.not_before:
                self._arm(envoy, envoy.not_before)
            else:
                self._queues[need, envoy.attempts > 0][envoy.id] = None
        elif need is Need.NOTHING:
            assert envoy.assigned is not None
            at = now.mono_at(envoy.renew_at)
            if envoy.applied is None or envoy.applied < envoy.assigned.order:
                at = min(at, envoy.acknowledge_by)
            self._arm(envoy, at)

    def _unqueue(self, envoy_id: str) -> None:
        for queue in self._queues.values():
            queue.pop(envoy_id, None)

    def _arm(self, envoy: Envoy, at: float) -> None:
        self._armed[envoy.id] = at
        heapq.heappush(self._timers, (at, envoy.id))
        if len(self._timers) > 4 * len(self._armed) + 64:
            self._timers[:] = [(when, envoy_id) for envoy_id, when in self._armed.items()]
            heapq.heapify(self._timers)

    def _take(self, queue: dict[str, None], need: Need, places: int, now: Moment) -> list[Effect]:
        under_way = self._assigning if need is Need.ASSIGN else self._pushing
        effects: list[Effect] = []
        while queue and len(under_way) < places:
            envoy_id = next(iter(queue))
            del queue[envoy_id]
            envoy = self.envoys[envoy_id]
            if self.need(envoy, now) is not need:
                self._settle(envoy, now)
            else:
                effects.append(self._assign(envoy, now) if need is Need.ASSIGN else self._push(envoy, now))
        return effects

    def _assign(self, envoy: Envoy, now: Moment) -> Effect:
        assert envoy.commit is not None
        assert envoy.desired is not None
        effect = Assign(
            envoy_id=envoy.id,
            hostname=envoy.hostname,
            commit=envoy.commit,
            plan_root=envoy.plan_root,
            desired=envoy.desired,
            secrets=tuple((name, self._versions[name]) for name in envoy.desired.secrets),
            secrets_key=self._secrets_key(envoy.desired.secrets),
        )
        self._assigning[envoy.id] = UnderWay(effect, now.mono + self._limits.assign_s)
        return effect

    def _push(self, envoy: Envoy, now: Moment) -> Effect:
        assert envoy.assigned is not None
        effect = Push(envoy.id, envoy.assigned.order)
        self._pushing[envoy.id] = UnderWay(effect, now.mono + self._limits.push_s)
        envoy.sends = envoy.sends + 1 if envoy.sent == envoy.assigned.order else 1
        envoy.sent = envoy.assigned.order
        envoy.acknowledge_by = now.mono + self._limits.acknowledge_s * 2.0 ** min(envoy.sends - 1, MAX_DOUBLINGS)
        return effect

    # failures

    def _fail(self, envoy: Envoy, why: str, kind: Next, retry_after_s: float | None, now: Moment) -> None:
        envoy.attempts += 1
        limits = self._limits
        wait = wait_s(
            kind,
            retry_after_s,
            envoy.attempts,
            base_s=limits.back_off_s,
            cap_s=limits.envoy_back_off_cap_s,
            random=self._random,
        )
        if wait is None:
            envoy.stalled_by, envoy.stalled_key = why, self._key(envoy)
            envoy.stalled_for_good = kind is Next.NEVER
        else:
            envoy.not_before = now.mono + wait

    def _unstall(self, envoy: Envoy) -> None:
        envoy.stalled_by, envoy.stalled_key, envoy.stalled_for_good = "", None, False

    def _expire(self, under_way: dict[str, UnderWay], now: Moment) -> None:
        for envoy_id in _ran_out(under_way, now.mono):
            del under_way[envoy_id]
            envoy = self.envoys.get(envoy_id)
            if envoy is not None:
                if under_way is self._pushing:
                    envoy.sent = None
                self._fail(envoy, "no answer", Next.BACK_OFF, None, now)
                self._drop(envoy)
                self._settle(envoy, now)

    def _drop(self, envoy: Envoy) -> None:
        """Forget an envoy that is gone and for which nothing is under way."""
        if not envoy.connected and envoy.id not in self._assigning:
            self.removed(envoy.id)


def _ran_out(under_way: Mapping[str, UnderWay], now: float) -> Iterable[str]:
    found = []
    for envoy_id, (_, deadline) in under_way.items():
        if deadline > now:
            break
        found.append(envoy_id)
    return found
