"""The labels of every task against a second way to find them."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.biases.tasks import NO_LABEL, SIDE, TASKS, patterns, wires
from anmok.biases.vision import draw as draw_images
from anmok.biases.vision import patterns as image_patterns

BY_NAME = {task.name: task for task in TASKS}
seeds = st.integers(0, 2**31)


def drawn(name, split, seed, count=8):
    return BY_NAME[name].draw(count, split, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("found", [patterns(), image_patterns()])
def test_patterns_are_orthogonal(found):
    rows = found.flatten(1)
    products = rows @ rows.T
    assert torch.allclose(products, products.diagonal().diag(), atol=1e-6)
    assert torch.allclose(products.diagonal(), products[0, 0].expand(4), atol=1e-6)


@given(seeds, st.sampled_from(["id", "ood"]))
def test_motif_is_found_by_matched_filters_in_its_half(seed, split):
    """The right filter answers with 6 where the pattern lies, in noise of deviation 1."""
    samples = drawn("motif", split, seed, count=64)
    first = SIDE // 2 if split == "ood" else 0
    half = samples.x.reshape(64, 1, SIDE, SIDE)[..., first : first + SIDE // 2]
    answers = torch.nn.functional.conv2d(half, patterns()[:, None]).amax((2, 3))
    assert (answers.argmax(1) == samples.labels).float().mean() > 0.9


@given(seeds, st.sampled_from(["id", "ood", "long"]))
def test_latch_remembers_the_last_write(seed, split):
    samples = drawn("latch", split, seed)
    for tokens, labels in zip(samples.x.argmax(2).tolist(), samples.labels.tolist(), strict=True):
        held = NO_LABEL
        for token, label in zip(tokens, labels, strict=True):
            held = token if token < 2 else held
            assert label == held
        writes = [step for step, token in enumerate(tokens) if token < 2]
        assert split == "long" or all((step >= 8) == (split == "ood") for step in writes)


@given(seeds, st.sampled_from(["id", "ood", "long"]))
def test_graph_counts_the_colours_of_neighbours(seed, split):
    samples = drawn("graph", split, seed)
    n = 20 if split == "long" else 10
    assert samples.adjacency.shape == (8, n, n)
    for colours, labels, adjacency in zip(samples.x.argmax(2), samples.labels, samples.adjacency, strict=True):
        assert torch.equal(adjacency, adjacency.T)
        assert adjacency.trace() == 0
        for node in range(n):
            votes = Counter(int(colours[other]) for other in range(n) if adjacency[node, other])
            tie = votes[0] == votes[1]
            assert labels[node] == (NO_LABEL if tie else int(votes[1] > votes[0]))
        degrees = adjacency.sum(1).tolist()
        assert split == "ood" or degrees == sorted(degrees, reverse=True)


@given(seeds)
def test_wire_names_the_largest_combination(seed):
    samples = drawn("wire", "id", seed)
    weights = wires().numpy().astype(np.float64)
    for x, label in zip(samples.x[:, :, 0].numpy(), samples.labels.tolist(), strict=True):
        sums = [sum(float(x[i]) * weights[i, k] for i in range(36)) for k in range(4)]
        assert sums[label] == pytest.approx(max(sums), abs=1e-4)


@given(seeds, st.sampled_from([1, 4, 16]))
def test_lag_copies(seed, distance):
    samples = drawn(f"lag {distance}", "id", seed)
    for bits, labels in zip(samples.x[:, :, 0].tolist(), samples.labels.tolist(), strict=True):
        assert labels[:distance] == [NO_LABEL] * distance
        assert labels[distance:] == [int(bit > 0) for bit in bits[:-distance]]


@given(seeds, st.sampled_from(["id", "long"]))
def test_recall_looks_the_key_up(seed, split):
    samples = drawn("recall", split, seed)
    assert samples.x.shape == (8, 9 if split == "long" else 7, 13)
    for tokens, label in zip(samples.x.tolist(), samples.labels.tolist(), strict=True):
        pairs = {token[:8].index(1.0): token[8:12].index(1.0) for token in tokens[:-1]}
        assert len(pairs) == len(tokens) - 1
        assert tokens[-1][8:] == [0, 0, 0, 0, 1]
        assert pairs[tokens[-1][:8].index(1.0)] == label


@given(seeds, st.booleans(), st.sampled_from([32, 48]))
def test_images_have_their_pattern_in_one_half(seed, right, side):
    images, labels = draw_images(16, side, seed=seed, right=right)
    half = images[..., side // 2 :] if right else images[..., : side // 2]
    answers = torch.nn.functional.conv2d(half.mean(1, keepdim=True), image_patterns()[:, None]).amax((2, 3))
    assert torch.equal(answers.argmax(1), labels)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_samples_depend_on_their_generator_alone(task):
    for split in task.splits:
        one, two, other = (task.draw(4, split, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
        assert torch.equal(one.x, two.x)
        assert torch.equal(one.labels, two.labels)
        assert not torch.equal(one.x, other.x)
        assert set(one.labels.flatten().tolist()) <= {NO_LABEL, *range(task.classes)}
