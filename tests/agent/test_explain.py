"""--explain: each string once, by rule, bounded."""

from whimbrel.agent.explain import ORDER, Explanation
from whimbrel.summary.explained import RULES, Explained


def test_strings_stand_below_their_rule() -> None:
    explanation = Explanation()
    explanation.add([Explained("orders", "segment", 40, "seen"), Explained("~3fa9c1d2e4b5", "segment", 2, "token")])
    explanation.add([Explained("{integer}", "segment", 9, "format"), Explained("orders", "segment", 1200, "seen")])
    text = "\n".join(explanation.lines())
    assert text.index(RULES["seen"]) < text.index("orders") < text.index(RULES["format"]) < text.index("{integer}")
    assert "1,200" in text and " 40" not in text
    assert text.count("orders") == 1


def test_every_rule_has_its_place() -> None:
    assert set(ORDER) == set(RULES)
    explanation = Explanation()
    explanation.add(Explained(rule, "x", 1, rule) for rule in RULES)
    assert [line.split(":")[0] for line in explanation.lines() if ": " in line] == list(ORDER)


def test_it_is_bounded_and_says_so() -> None:
    explanation = Explanation(strings_max=2)
    explanation.add(Explained(str(n), "x", 1, "seen") for n in range(5))
    explanation.add([Explained("0", "x", 7, "seen")])
    assert explanation.lines()[-1] == "and 3 more"
    assert "7" in explanation.lines()[2]


def test_nothing_is_said_to_be_nothing() -> None:
    assert Explanation().lines() == ["nothing would be sent: no call was seen"]


def test_a_string_cannot_move_the_terminal() -> None:
    explanation = Explanation()
    explanation.add([Explained("\x1b[2J", "x", 1, "seen")])
    assert "\x1b" not in "\n".join(explanation.lines())
