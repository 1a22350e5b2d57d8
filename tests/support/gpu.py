"""The marks of a test that needs a GPU."""

from __future__ import annotations

import pytest
import torch

ON_A_GPU = (pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"))
