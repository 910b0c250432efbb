"""Russian nouns after numbers."""


def plural(n: int, one: str, few: str, many: str) -> str:
    """The form that follows `n`: 1 письмо, 2 письма, 5 писем. Source: CLDR, cardinal rules for "ru"."""
    last, last_two = abs(n) % 10, abs(n) % 100
    if last == 1 and last_two != 11:
        return one
    if last in {2, 3, 4} and last_two not in {12, 13, 14}:
        return few
    return many


def counted(n: int, one: str, few: str, many: str) -> str:
    """The number and its noun, kept on one line by a no-break space: "5 писем"."""
    return f"{n}\u00a0{plural(n, one, few, many)}"
