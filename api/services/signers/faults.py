"""What can be wrong with a change of who may sign what."""

from __future__ import annotations

from schema.errors import Conflict, Forbidden, Invalid, NotFound


class SignerNotFound(NotFound):
    """There is no such key."""

    code = "signers.not_found"


class ProposalNotFound(NotFound):
    """There is no such proposal."""

    code = "signers.no_proposal"


class CommitUnknown(NotFound):
    """No commit by that id."""

    code = "signers.commit_unknown"


class BadSigner(Invalid):
    """A key that cannot be verified with, or one that would be nobody's."""

    code = "signers.bad_signer"


class KeyRevoked(Conflict):
    """The key was revoked: that is never taken back."""

    code = "signers.revoked"


class TooManySigners(Conflict):
    """No more keys, or no more proposals, fit."""

    code = "signers.too_many"


class PolicyMoved(Conflict):
    """Somebody else changed it in between."""

    code = "signers.policy_moved"


class AlreadyDecided(Conflict):
    """The proposal waits no longer: it was confirmed or withdrawn, or its time is over."""

    code = "signers.already_decided"


class NothingToAccept(Conflict):
    """The commit is not the one that is kept out because it does not descend from the one in force."""

    code = "signers.nothing_to_accept"


class NotYours(Forbidden):
    """A second person is needed, with an account of their own."""

    code = "signers.second_person"
