"""Rollouts: how far each is, and what people ask of them.

The loop carries a rollout out and tells how far it is (`begin`, `keep`); people approve, pause, cancel and retry. What
people ask is stored as theirs and announced; the loop heeds it at once, and reads it again after a restart.
"""

from __future__ import annotations

from api.services.rollouts.asking import approve as approve
from api.services.rollouts.asking import approved as approved
from api.services.rollouts.asking import cancel as cancel
from api.services.rollouts.asking import pause as pause
from api.services.rollouts.asking import promote as promote
from api.services.rollouts.asking import resume as resume
from api.services.rollouts.asking import retry as retry
from api.services.rollouts.carrying import begin as begin
from api.services.rollouts.carrying import count as count
from api.services.rollouts.carrying import facts as facts
from api.services.rollouts.carrying import keep as keep
from api.services.rollouts.carrying import past as past
from api.services.rollouts.reading import ASKED as ASKED
from api.services.rollouts.reading import CHANGED as CHANGED
from api.services.rollouts.reading import NoAccount as NoAccount
from api.services.rollouts.reading import NoSuchWave as NoSuchWave
from api.services.rollouts.reading import NothingToApprove as NothingToApprove
from api.services.rollouts.reading import OtherPlan as OtherPlan
from api.services.rollouts.reading import OwnCommit as OwnCommit
from api.services.rollouts.reading import RolloutNotFound as RolloutNotFound
from api.services.rollouts.reading import RolloutOver as RolloutOver
from api.services.rollouts.reading import current as current
from api.services.rollouts.reading import get as get
from api.services.rollouts.reading import numbered as numbered
from api.services.rollouts.reading import page as page
