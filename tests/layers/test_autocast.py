import torch

from anmok.layers import for_products


def test_numbers_are_cast_as_a_product_would_cast_them():
    x = torch.randn(3, 4, requires_grad=True)
    assert for_products(x) is x
    with torch.autocast("cpu", torch.bfloat16):
        assert for_products(x).dtype == (x @ x.T).dtype == torch.bfloat16
        assert for_products(x.double()).dtype == (x.double() @ x.T.double()).dtype == torch.float64
        assert torch.equal(for_products(x) @ for_products(x).T, x @ x.T)
