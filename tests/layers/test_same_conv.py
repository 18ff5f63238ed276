import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.layers.same_conv import SameConv2d


@given(side=st.integers(1, 40), kernel=st.sampled_from([2, 3, 5, 7]), stride=st.integers(1, 2))
def test_padding_is_what_tensorflow_documents(side, kernel, stride):
    conv = SameConv2d(1, 1, kernel, stride, bias=False).double()
    line = torch.randn(side, dtype=torch.float64)
    count = -(-side // stride)
    missing = max((count - 1) * stride + kernel - side, 0)
    padded = torch.cat((torch.zeros(missing // 2), line, torch.zeros(missing - missing // 2))).double()
    top = (kernel - 1) // 2  # the one row of the map meets this row of the kernel
    expected = torch.stack([padded[i * stride : i * stride + kernel] @ conv.weight[0, 0, top] for i in range(count)])
    torch.testing.assert_close(conv(line[None, None, None])[0, 0, 0], expected)
