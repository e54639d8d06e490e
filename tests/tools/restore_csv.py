"""Restores the cells of a CSV export, in which apostrophes keep spreadsheets from running formulas."""

import re

# Blanks, control characters, quotes and apostrophes, which a formula may come after.
PASSED_OVER = "\x00-\x08\x0b\x0c\x0e-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'"
FORMULA = "=@\uff1d\uff0b\uff0d\uff20"
NUMBER = f"[{PASSED_OVER}]*[+-](?:[0-9]+(?:\\.[0-9]+)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)? *"
BEFORE_FORMULA = f'(?=[{PASSED_OVER}"]*[{FORMULA}+-])'

AT_START = re.compile(
    f"\\A'(?:{BEFORE_FORMULA}|(?=[{PASSED_OVER}\"]*[\\t\\r\\n]))(?!{NUMBER}(?:\\Z|[\\]}}]))"
)
AFTER_SEPARATOR = re.compile(
    f"([,;|\\t\\r\\n])'{BEFORE_FORMULA}(?!{NUMBER}(?:\\Z|[\\]}}]|(?=[,;|])\\1))"
)


def restore(cell: str) -> str:
    """The value of a cell: without the apostrophes wherever a spreadsheet could begin a formula."""
    return AFTER_SEPARATOR.sub("\\1", AT_START.sub("", cell))
