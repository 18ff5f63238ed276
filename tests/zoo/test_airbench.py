import torch
from torch import nn
from torch.nn import functional

from anmok.catalogue import create_model
from anmok.zoo.airbench import Airbench, AirbenchSpec, Whitening


def layers(width_in, width):
    """The author's group of layers, from PyTorch's parts."""
    return [
        nn.Conv2d(width_in, width, 3, padding="same", bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(width, eps=1e-12, momentum=0.4),
        nn.GELU(),
        nn.Conv2d(width, width, 3, padding="same", bias=False),
        nn.BatchNorm2d(width, eps=1e-12, momentum=0.4),
        nn.GELU(),
    ]


def test_logits_and_statistics_equal_those_of_the_authors_layers():
    torch.manual_seed(0)
    ours = Airbench(AirbenchSpec(widths=(8, 16, 24)), num_classes=10).double()
    groups = [layers(*ends) for ends in ((24, 8), (8, 16), (16, 24))]
    theirs = nn.Sequential(
        nn.Conv2d(3, 24, 2), nn.GELU(), *groups[0], *groups[1], *groups[2], nn.MaxPool2d(3), nn.Flatten()
    ).double()
    images = torch.randn(8, 3, 32, 32, dtype=torch.float64)
    ours(images)  # takes in the patches
    ours.apply(lambda m: m.reset_running_stats() if isinstance(m, nn.BatchNorm2d) else None)
    for name, parameter in ours.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    given = [ours.stem[0].weight, ours.stem[0].bias]
    for pair in ours.stages:
        given += [pair.conv1.weight, pair.norm1.bias, pair.conv2.weight, pair.norm2.bias]
    wanted = [p for name, p in theirs.named_parameters() if p.ndim == 4 or name.endswith("bias")]
    for parameter, value in zip(wanted, given, strict=True):
        parameter.data.copy_(value)
    for training in (True, False):
        expected = theirs.train(training)(images) @ ours.head.weight.T / 24 + ours.head.bias
        torch.testing.assert_close(ours.train(training)(images), expected)


def test_the_first_batch_of_a_training_is_white_afterwards():
    torch.manual_seed(0)
    stripes = torch.randn(16, 3, 12, 1) + 0.3 * torch.randn(16, 3, 12, 12)
    whitening = Whitening(3)
    before = whitening.weight.clone()
    whitening.eval()(stripes)
    assert torch.equal(whitening.weight, before)
    seen = whitening.train()(stripes)
    assert whitening.patches == 16 * 11 * 11
    parts = seen.detach().movedim(1, -1).reshape(-1, 24)
    torch.testing.assert_close(parts[:, :12], -parts[:, 12:])
    covariance = parts[:, :12].T @ parts[:, :12] / len(parts)
    torch.testing.assert_close(covariance, torch.eye(12), atol=0.02, rtol=0)
    after = whitening.weight.clone()
    whitening(torch.rand(4, 3, 12, 12))
    assert torch.equal(whitening.weight, after)


def test_filters_that_were_saved_stay():
    model = create_model("airbench_nano", num_classes=10)
    model.train()(torch.randn(4, 3, 32, 32))
    again = create_model("airbench_nano", num_classes=10)
    again.load_state_dict(model.state_dict())
    again.train()(torch.rand(4, 3, 32, 32))
    assert torch.equal(again.stem[0].weight, model.stem[0].weight)


def test_the_first_filters_hand_their_input_on():
    pair = create_model("airbench94").stages[1]
    x = torch.randn(2, 64, 8, 8)
    torch.testing.assert_close(functional.conv2d(x, pair.conv1.weight, padding=1)[:, :64], x)
