"""Counts and the exit code they mean."""

from __future__ import annotations

from medcli.jobs import Report


def test_the_exit_code_follows_the_worst() -> None:
    report = Report()
    assert report.exit_code == 0
    report.count("done", "released", 3, 30)
    report.count("skipped", "ignored", 2, 0)
    assert report.exit_code == 0
    report.count("failed", "damaged", 1, 5)
    assert report.exit_code == 5
    report.refuse()
    assert report.exit_code == 6


def test_the_document_and_the_table_say_the_same() -> None:
    report = Report(items=1006, resumed=4, seconds=1.23456)
    report.count("done", "released", 1001, 30)
    report.count("skipped", "ignored", 2, 0)
    report.count("skipped", "duplicate", 2, 0)
    report.count("failed", "", 1, 5)
    document = report.to_json()
    assert document["kinds"] == {"released": 1001, "duplicate": 2, "ignored": 2}
    assert list(document["kinds"]) == ["released", "duplicate", "ignored"]
    assert (document["seconds"], document["bytes"], document["exit_code"]) == (1.235, 35, 5)
    assert report.table() == [
        ("done", "1,001"),
        ("skipped", "4"),
        ("failed", "1"),
        ("  released", "1,001"),
        ("  duplicate", "2"),
        ("  ignored", "2"),
        ("from earlier runs", "4"),
        ("seconds", "1.2"),
    ]
