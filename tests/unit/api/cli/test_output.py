"""What commands print is safe to look at."""

from __future__ import annotations

import json
import unicodedata

import pytest

from api.cli import output

HOSTILE = "a\x1b[31mred\r\nFORGED\x07\x9b2J\u2028\u202egpj.exe\u200b\ud800"


def test_every_character_that_can_act_in_a_terminal_is_written_out() -> None:
    acting = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
    ]

    assert [char for char in acting if output.visible(char) == char] == []


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert output.visible("Größe 東京 Ελλάδα 👍 é") == "Größe 東京 Ελλάδα 👍 é"


def test_an_escape_is_shown_as_text() -> None:
    assert output.visible(HOSTILE) == ("a\\x1b[31mred\\r\\nFORGED\\x07\\x9b2J\\u2028\\u202egpj.exe\\u200b\\ud800")


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert output.visible("one\n\ttwo\r\x1b", lines=True) == "one\n\ttwo\\r\\x1b"


def test_json_is_safe_to_look_at_and_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_json({HOSTILE: [HOSTILE]})

    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert json.loads(printed) == {HOSTILE: [HOSTILE]}


def test_a_table_in_a_pipe_is_plain_aligned_and_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "status"), [("web01\nweb02", "failed"), ("b", None)])

    assert capsys.readouterr().out == "NAME          STATUS\nweb01\\nweb02  failed\nb\n"


def test_an_empty_table_says_so_to_standard_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name",), [], empty="no envoys")

    assert capsys.readouterr() == ("", "no envoys\n")


def test_a_failure_cannot_forge_a_second_message(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure("bad \x1b[2K\rok", "look \x1b]0;here")

    assert capsys.readouterr() == ("", "error: bad \\x1b[2K\\rok\nhint: look \\x1b]0;here\n")


def test_a_time_is_shown_to_the_second_and_a_truth_in_a_word() -> None:
    assert output.when("2026-11-22T01:00:49.075401Z") == "2026-11-22 01:00:49Z"
    assert output.when(None) == ""
    assert [output._cell(value) for value in (True, False, None, 0)] == ["yes", "no", "", "0"]
