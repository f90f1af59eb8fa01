"""Scenes and contrasts of `password_policy`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_NUMBERS = (
    "max_days", "min_days", "warn_days", "min_length", "min_classes", "min_digits", "min_upper", "min_lower",
    "min_other", "min_different", "max_repeat", "max_sequence", "lock_after", "lock_interval_s", "unlock_after_s",
)  # fmt: skip

CONTRASTS: dict[str, Contrast] = {
    "policy": vary({}, {"min_length": 12}, "policy", "users", "everyone"),
    "umask": vary({}, {"policy": "users", "max_days": 90}, "umask", "027", "022"),
    "encrypt_method": vary({}, {"policy": "users", "max_days": 90}, "encrypt_method", "SHA512", "YESCRYPT"),
    "dictionary_check": vary({}, {"policy": "users", "min_length": 12}, "dictionary_check", True, False),
    **{
        field: vary({}, {"policy": "users", "umask": "027"}, field, ..., 10 if field != "min_classes" else 3)
        for field in _NUMBERS
    },
}
_FILES = {
    "/etc/login.defs": st.sampled_from(
        ["# PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t99999\n", "PASS_MAX_DAYS 90\nUMASK 022", ""]
    ),
    "/etc/security/pwquality.conf": st.sampled_from(
        ["# minlen = 8\n", "minlen=12 # said\nenforce_for_root\n", "minlen = 9"]
    ),
    "/etc/security/faillock.conf": st.sampled_from(["deny = 3\ndeny = 4\n", "even_deny_root\n", "# deny\n"]),
    "/etc/pam.d/common-auth": st.sampled_from(["auth required pam_faillock.so preauth\n", "# pam_faillock.so\n"]),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"max_days": st.sampled_from([90, 365]), "policy": st.sampled_from(["users", "everyone"])},
            optional={
                "umask": st.just("027"),
                "min_length": st.sampled_from([9, 12]),
                "min_digits": st.just(1),
                "dictionary_check": st.booleans(),
                "lock_after": st.sampled_from([3, 5]),
            },
        )
    )
    paths = {path: draw(st.one_of(st.none(), text)) for path, text in _FILES.items()}
    paths["/etc/login.defs"] = draw(st.one_of(_FILES["/etc/login.defs"], nodes))
    return Scene({**paths, "/etc/security/x": ""}, spec)
