"""pytest finds this by itself once monipy is installed: the fixture ``contact_center``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import ContactCenter


@pytest.fixture
def contact_center() -> Iterator[ContactCenter]:
    """A contact centre of the test's own, see ``monipy.testing``. The test fails where the program is not there."""
    from .testing import ContactCenter

    with ContactCenter() as centre:
        yield centre
