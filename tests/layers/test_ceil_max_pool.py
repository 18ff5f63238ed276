import pytest
import torch

from anmok.layers.ceil_max_pool import CeilMaxPool


@pytest.mark.parametrize(("window", "sizes"), [(2, {7: 4, 8: 4}), (3, {7: 3, 8: 4})])
def test_windows_over_the_border_are_cut(window, sizes):
    for side, rows in sizes.items():
        x = -torch.rand(2, 3, side, side)
        pooled = CeilMaxPool(window)(x)
        assert pooled.shape == (2, 3, rows, rows)
        for i in range(rows):
            for j in range(rows):
                cut = x[:, :, 2 * i : 2 * i + window, 2 * j : 2 * j + window]
                assert torch.equal(pooled[:, :, i, j], cut.amax((2, 3)))


@pytest.mark.parametrize("window", [2, 3])
def test_it_is_exported_for_any_size(window):
    pool = torch.nn.Sequential(CeilMaxPool(window), CeilMaxPool(window))
    rows, columns = (torch.export.Dim(name, min=8, max=64) for name in ("rows", "columns"))
    exported = torch.export.export(pool, (torch.randn(1, 2, 17, 16),), dynamic_shapes=({2: rows, 3: columns},))
    for size in ((9, 10), (12, 11), (31, 32)):
        x = -torch.rand(1, 2, *size)
        assert torch.equal(exported.module()(x), pool(x))
