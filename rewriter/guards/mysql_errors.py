"""Which MySQL and MariaDB errors carry cells, and what may still be said of them."""

import re

_WITHOUT_CELLS = frozenset(
    {
        1005, 1006, 1007, 1008, 1022, 1025, 1036, 1037, 1038, 1039, 1040, 1041, 1042, 1044, 1045, 1046, 1047, 1048,
        1049, 1050, 1051, 1052, 1053, 1054, 1055, 1056, 1058, 1059, 1060, 1061, 1063, 1064, 1065, 1066, 1067, 1068,
        1069, 1070, 1071, 1072, 1075, 1090, 1091, 1093, 1099, 1100, 1103, 1104, 1109, 1110, 1111, 1112, 1113, 1114,
        1115, 1117, 1118, 1136, 1137, 1140, 1142, 1143, 1146, 1149, 1153, 1158, 1159, 1160, 1161, 1166, 1170, 1175,
        1192, 1205, 1206, 1213, 1222, 1227, 1235, 1240, 1241, 1242, 1247, 1248, 1250, 1305, 1317, 1364, 1370, 1394,
        1395, 1399, 1400, 1402, 1406, 1415, 1451, 1452, 1568, 1792, 1969, 2006, 2013, 2014, 2055, 3024, 4025,
    }
)  # fmt: skip
"""Errors raised before a row is read, or whose texts name objects only (dev.mysql.com and mariadb.com error lists)."""

_KEY = re.compile(r"for key '([^']*)'$")
_COLUMN = re.compile(r"for column (?:`[^`']*`\.`[^`']*`\.)?[`']([^`']*)[`'] at row \d+$")


def withheld_message(code: int, message: str) -> str | None:
    """What is said in place of the error's own text; None where that text holds no cell."""
    if code in _WITHOUT_CELLS:
        return None
    key, column = _KEY.search(message), _COLUMN.search(message)
    place = f" (key '{key[1]}')" if key else f" (column '{column[1]}')" if column else ""
    meaning = "a duplicate entry" if code == 1062 else "the database raised an error"  # noqa: PLR2004
    return f"{meaning}{place}; values are withheld: they may be of sensitive columns"
