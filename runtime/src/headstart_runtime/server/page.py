"""The page at /, and what a browser is allowed to do with it: nothing but to ask this server."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files


def _hashes(page: str, element: str) -> str:
    """Return the hashes of the contents of all elements of a name, as a policy has them."""
    contents = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in contents)


PAGE = files("headstart_runtime.server").joinpath("page.html").read_text(encoding="utf-8")
POLICY = (
    f"default-src 'none'; script-src {_hashes(PAGE, 'script')}; style-src {_hashes(PAGE, 'style')}; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
