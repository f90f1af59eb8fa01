"""Whether an agent becomes another, and what is in force whatever happens: a machine over real files, held by a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent import updating
from agent.installation import Installation
from agent.updating import MAX_STARTS, Progress, Refusal, judge
from schema.protocol.artifacts import Kind, Manifest, Platform, numbers
from tests.effort import tries

HERE = Platform(kind=Kind.ZIPAPP, arch="x86_64", libc="glibc", python="3.11")


def manifest(**said: object) -> Manifest:
    whole = {
        "kind": "zipapp", "arch": "x86_64", "libc": "glibc", "libc_min": "2.28", "python": "3.11", "version": "1.2.0",
        "sequence": 5, "sha256": "a" * 64, "size": 1,
    }  # fmt: skip
    return Manifest.model_validate(whole | said)


def code(offered: Manifest, progress: Progress, *, version: str = "1.1.0", libc: str = "2.36") -> str:
    try:
        judge(offered, progress, version=version, platform=HERE, libc_version=libc)
    except Refusal as refusal:
        return refusal.code
    return ""


SETTLED = Progress(current="a", floor=4)


@pytest.mark.parametrize(
    ("offered", "progress", "expected"),
    [
        (manifest(), SETTLED, ""),
        (manifest(version="1.1.0"), SETTLED, ""),  # the same version, built again
        (manifest(version="1.10.0"), SETTLED, ""),
        (manifest(version="1.0.9"), SETTLED, "downgrade"),
        (manifest(sequence=4), SETTLED, "rollback"),
        (manifest(sequence=3), SETTLED, "rollback"),
        (manifest(), SETTLED._replace(starts=0), "trial"),
        (manifest(arch="aarch64"), SETTLED, "platform"),
        (manifest(libc="musl"), SETTLED, "platform"),
        (manifest(python="3.12"), SETTLED, "platform"),
        (manifest(kind="self-contained"), SETTLED, "platform"),
        (manifest(kind="wheel"), SETTLED, "platform"),
        (manifest(libc_min="2.37"), SETTLED, "platform"),
        (manifest(libc_min=""), SETTLED, ""),
    ],
)
def test_what_is_taken_and_what_is_not(offered: Manifest, progress: Progress, expected: str) -> None:
    assert code(offered, progress) == expected


@pytest.mark.parametrize("word", ["version", "libc_min", "python", "sha256"])
def test_a_manifest_with_another_form_is_none(word: str) -> None:
    for text in ("1.2\n", "../1", "1.2-rc1", "v1", "1.2 "):
        with pytest.raises(ValueError, match=word):
            manifest(**{word: text})
    with pytest.raises(ValueError, match="extra"):
        manifest(more=1)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=4), st.lists(st.integers(0, 30), min_size=2, max_size=4))
def test_versions_are_ordered_as_numbers(one: list[int], other: list[int]) -> None:
    texts = [".".join(map(str, each)) for each in (one, other)]
    width = max(len(one), len(other))
    padded = [each + [0] * (width - len(each)) for each in (one, other)]
    assert (numbers(texts[0]) < numbers(texts[1])) == (padded[0] < padded[1])


class Life(RuleBasedStateMachine):
    """An installation through offers, starts, greetings and crashes between any two steps of a switch."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(prefix="vigo-installation-"))
        self.model = Progress(current="")
        self.sequence = 0
        self.good = ""
        """What was in force before the trial."""
        self._unpack("v0")
        Installation(self.home).put_in_force("v0", 0, trial=False)
        self.model = Progress(current="v0")

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    def _unpack(self, name: str) -> None:
        (self.home / "versions" / name).mkdir(parents=True)

    @precondition(lambda self: not self.model.on_trial)
    @rule()
    def a_newer_one_is_taken(self) -> None:
        self.sequence += 1
        name = f"v{self.sequence}"
        self._unpack(name)
        Installation(self.home).put_in_force(name, self.sequence, trial=True)
        self.good = self.model.current
        self.model = updating.switch(self.model, name, self.sequence)

    @rule(sequence=st.integers(0, 40))
    def any_is_offered(self, sequence: int) -> None:
        refused = code(manifest(sequence=sequence), Installation(self.home).progress())
        if sequence <= self.model.floor:
            assert refused == "rollback"
        else:
            assert refused == ("trial" if self.model.on_trial else "")

    @precondition(lambda self: self.model.on_trial)
    @rule()
    def it_is_started(self) -> None:
        """As the launcher does, which `test_launcher` holds against the same rules."""
        self.model = updating.start(self.model)
        if self.model.on_trial:
            (self.home / "trial").write_text(f"{self.model.starts}\n")
        else:
            (self.home / "returned").write_text(f"{self.model.returned}\n")
            (self.home / "current").unlink()
            (self.home / "current").symlink_to(f"versions/{self.model.current}")
            (self.home / "trial").unlink()
            assert self.model.current == self.good

    @rule()
    def the_server_greets_it(self) -> None:
        told = Installation(self.home).check_in()
        assert bool(told) is self.model.on_trial
        if self.model.on_trial:
            self.model = updating.check_in(self.model)._replace(returned="")

    @invariant()
    def disk_and_model_agree(self) -> None:
        progress = Installation(self.home).progress()
        assert progress._replace(returned="", previous="") == self.model._replace(returned="", previous="")
        assert (self.home / "current" / ".").is_dir()
        assert progress.starts is None or progress.starts <= MAX_STARTS
        if progress.on_trial:
            assert progress.previous == self.good
            assert (self.home / "previous" / ".").is_dir()


Life.TestCase.settings = settings(max_examples=tries(7), stateful_step_count=25)
TestLife = Life.TestCase


def test_a_floor_that_cannot_be_read_lets_nothing_in(tmp_path: Path) -> None:
    (tmp_path / "versions" / "v0").mkdir(parents=True)
    installation = Installation(tmp_path)
    installation.put_in_force("v0", 3, trial=False)
    for text in ("{", "[]", '{"sequence": "x"}'):
        (tmp_path / "floor.json").write_text(text)
        assert code(manifest(sequence=2**62), installation.progress()) == "rollback"
