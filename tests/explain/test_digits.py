"""Numbers are rounded once, from all their digits."""

import mpmath
import pytest

from derive.explain.digits import latex_digits, percent, significant


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("0.9249", "0.92"),
        ("0.0996", "0.10"),
        ("1", "1.0"),
        ("9.96", "10"),
        ("123.4", "120"),
        ("-0.00012345", "-0.00012"),
        ("0.0000987", "9.9e-5"),
        ("1234567", "1.2e+6"),
        # Rounded to 50 digits or to a float first, this would be a tie.
        ("0.1250000000000000000000000000000000000001", "0.13"),
        ("0.1249999999999999999999999999999999999999", "0.12"),
    ],
)
def test_two_significant_digits(number, text):
    with mpmath.workdps(50):
        assert significant(mpmath.mpf(number)) == text


def test_more_digits_per_cent_and_powers_of_ten_in_latex():
    with mpmath.workdps(50):
        assert significant(mpmath.mpf(2) / 3, 6) == "0.666667"
        assert percent(mpmath.mpf("0.0437")) == "4.4"
        assert latex_digits(mpmath.mpf("0.00000125"), 3) == r"1.25 \cdot 10^{-6}"
        assert latex_digits(mpmath.mpf("0.25")) == "0.25"
