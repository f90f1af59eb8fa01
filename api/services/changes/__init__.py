"""Changes: the one writer of configuration. Every area that changes it hands a typed change to `write`.

    written = await changes.write(services, actor, Change("Raise the limit", edit), request_id=call.request_id)

The edit is called with the tip's tree, its result is compiled whole, and only then committed: by the caller (author)
and the server (committer, signed), as the next commit of the tracked branch, or on a branch of its own where that one
is protected. Whoever else was first is not overwritten: the edit is called again, on what they made.

Git is no part of a database transaction. So the intent is on record, with the commit's id, before any ref moves, and
the outcome after; what a crash leaves open in between, `settle` finds out from the repository.
"""

from __future__ import annotations

from api.services.changes.ports import COMMITTER as COMMITTER
from api.services.changes.ports import FAULTS as FAULTS
from api.services.changes.ports import MAX_PATHS as MAX_PATHS
from api.services.changes.ports import AlreadyAsked as AlreadyAsked
from api.services.changes.ports import Change as Change
from api.services.changes.ports import ChangeNotFound as ChangeNotFound
from api.services.changes.ports import ChangeNotValid as ChangeNotValid
from api.services.changes.ports import ChangesBusy as ChangesBusy
from api.services.changes.ports import ChangeTooLarge as ChangeTooLarge
from api.services.changes.ports import Committer as Committer
from api.services.changes.ports import Edit as Edit
from api.services.changes.ports import NotInForce as NotInForce
from api.services.changes.ports import OutcomeUnknown as OutcomeUnknown
from api.services.changes.ports import Prepared as Prepared
from api.services.changes.ports import TipMoves as TipMoves
from api.services.changes.records import get as get
from api.services.changes.records import page as page
from api.services.changes.writing import settle as settle
from api.services.changes.writing import signer as signer
from api.services.changes.writing import write as write
