from __future__ import annotations

import re

from store import errors


def test_every_error_has_a_code_of_its_own_and_says_what_it_is() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StoreError)]
    kinds.remove(errors.StoreError)
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", kind.code)
        assert kind.__doc__
