"""Two texts side by side."""

from __future__ import annotations

from reconciler.rendering.texts import MAX_DIFF, MAX_LINES, difference


def test_a_difference_shows_what_is_around_and_is_compared_without_it() -> None:
    shown, key = difference("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\nfive\n6\n7\n")
    assert shown == "@@ -2,6 +2,6 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7"
    assert key == "-5\n+five"


def test_a_line_feed_at_the_end_is_a_difference() -> None:
    assert difference("a\n", "a")[1] == "+\\ no line feed at the end"


def test_line_ends_alone_are_a_difference() -> None:
    shown, key = difference("a\r\nb\r\n", "a\nb\n")
    assert "line ends" in shown
    assert key != difference("a\r\nb\r\n", "a\r\nb\n")[1]


def test_long_texts_are_told_by_their_size() -> None:
    shown, _ = difference("x\n" * (MAX_LINES + 1), "y\n")
    assert shown.startswith(f"-{MAX_LINES + 1} lines, sha256 ")
    shown, key = difference("", "".join(f"{number:0500}\n" for number in range(200)))
    assert len(shown) <= MAX_DIFF + 100
    assert "cut at" in shown
    assert len(key) == 64
