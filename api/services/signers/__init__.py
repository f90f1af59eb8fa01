"""Signers: whose signatures count, what they may change, and who has to agree before a commit comes into force.

All of it is in the server, none in the repository: who can push cannot change what is asked of a push. Each change
makes a new version, and while two people are asked for some paths, so are they for a change here: one proposes,
another confirms. Judgement itself is pure, in `reconciler/signers.py`; `judging` gathers its facts.
"""

from __future__ import annotations

from api.services.signers.approvals import ACCEPTED as ACCEPTED
from api.services.signers.faults import AlreadyDecided as AlreadyDecided
from api.services.signers.faults import BadSigner as BadSigner
from api.services.signers.faults import CommitUnknown as CommitUnknown
from api.services.signers.faults import KeyRevoked as KeyRevoked
from api.services.signers.faults import NothingToAccept as NothingToAccept
from api.services.signers.faults import NotYours as NotYours
from api.services.signers.faults import PolicyMoved as PolicyMoved
from api.services.signers.faults import ProposalNotFound as ProposalNotFound
from api.services.signers.faults import SignerNotFound as SignerNotFound
from api.services.signers.faults import TooManySigners as TooManySigners
from api.services.signers.judging import Judge as Judge
from api.services.signers.versions import CHANGED as CHANGED
