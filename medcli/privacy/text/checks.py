"""Numbers that prove themselves: check digits of cards, IBANs, providers, vehicles and prescribers.

Knows arithmetic. Refuses to know where in a text a number stands. Sources: Luhn's US patent 2,950,048 (cards; with the
prefix 80840 the NPI, 45 CFR 162.406 and ISO/IEC 7812), ISO 13616 and ISO/IEC 7064 MOD 97-10 (IBAN), 49 CFR 565.15(c)
(VIN), the DEA's registration numbers as pharmacists check them.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["dea", "iban", "luhn", "npi", "vin"]

_VIN_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
)
_VIN_WEIGHTS: Sequence[int] = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def luhn(digits: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def npi(digits: str) -> bool:
    """Whether ten digits are a National Provider Identifier."""
    return len(digits) == 10 and digits[0] in "12" and luhn("80840" + digits)


def iban(code: str) -> bool:
    """Whether a code without blanks, in capitals, has the check digits of an IBAN."""
    return int("".join(str(int(letter, 36)) for letter in code[4:] + code[:4])) % 97 == 1


def vin(code: str) -> bool:
    """Whether 17 capitals and digits are a North American vehicle identification number."""
    if len(code) != 17 or any(letter in "IOQ" for letter in code):
        return False
    values = (int(letter) if letter.isdecimal() else _VIN_VALUES.get(letter, 0) for letter in code)
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return code[8] == ("X" if rest == 10 else str(rest))


def dea(code: str) -> bool:
    """Whether two letters and seven digits are a DEA registration number."""
    digits = [int(digit) for digit in code[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]
