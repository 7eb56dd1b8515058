import pytest

from whimbrel import cli


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("whimbrel ")


def test_without_a_program_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "serve" in capsys.readouterr().out


def test_an_unknown_program_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fly"]) == 2
    assert capsys.readouterr().err == "whimbrel: 'fly' is not one of serve, watch, hub, up, doctor, bench\n"


@pytest.mark.parametrize("program", cli.PROGRAMS)
def test_every_program_has_help(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([program, "--help"]) == 0
    assert f"usage: whimbrel {program}" in capsys.readouterr().out
