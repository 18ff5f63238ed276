"""A step of training and an inference, by Anmok's Transformer and by torch.nn.Transformer, side by side.

    OMP_NUM_THREADS=1 python benchmarks/tasks/transformer.py [--preset transformer_base] [--pairs 15]

The same weights, embeddings, sines and loss in both; torch's has a norm behind its last layers that is taken away.
Runs alternate, and the ratio is the median over pairs: below 1, Anmok's is faster. torch's drops activations in two
places more, so that dropout is measured by itself. Writing is a word at a time: with the keys and values of the words
before it kept, as here, or from the start again, as torch's has to.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median, quantiles

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from anmok.backbone.sequence import PADDING, START
from anmok.catalogue.names import require_network
from anmok.tasks.decoding import translate
from anmok.training.device import default_device
from anmok.zoo.transformer import Transformer, TransformerSpec, sines


class Theirs(nn.Module):
    """torch.nn.Transformer between the embeddings and the logits of ours."""

    def __init__(self, spec: TransformerSpec, vocabulary: int) -> None:
        super().__init__()
        sizes = (spec.width, spec.num_heads, spec.depth, spec.depth, spec.hidden, spec.drop_rate)
        self.core = nn.Transformer(*sizes, batch_first=True)
        self.core.encoder.norm = self.core.decoder.norm = None
        self.embed = nn.Embedding(vocabulary, spec.width)
        nn.init.normal_(self.embed.weight, std=spec.width**-0.5)
        self.drop = nn.Dropout(spec.drop_rate)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        hidden, later = (
            source == PADDING,
            nn.Transformer.generate_square_subsequent_mask(target.shape[1], source.device),
        )
        masks = {"tgt_mask": later, "src_key_padding_mask": hidden, "memory_key_padding_mask": hidden}
        x = self.core(self.embedded(source), self.embedded(target), tgt_is_causal=True, **masks)
        return x @ self.embed.weight.T

    def embedded(self, tokens: Tensor) -> Tensor:
        words = self.embed(tokens) * self.embed.embedding_dim**0.5
        return self.drop(words + sines(0, tokens.shape[1], self.embed.embedding_dim, words))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="transformer_base")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    device = default_device()
    torch.manual_seed(0)
    shape = (arguments.batch, arguments.length)
    source, target = (torch.randint(4, arguments.vocabulary, shape, device=device) for _ in range(2))
    for row in range(arguments.batch):
        source[row, arguments.length - row % 4 :] = PADDING  # lengths as of a batch of similar ones
    spec: TransformerSpec = require_network(arguments.preset).spec
    print(f"{arguments.preset}, {arguments.batch} pairs of {arguments.length} tokens, {device}")
    print("| what | ours, ms | torch, ms | ours / torch | interquartile |\n|---|---:|---:|---:|---:|")
    for name, rate in (
        ("training step", 0.0),
        ("training step, dropout 0.1", 0.1),
        ("inference", 0.0),
        ("writing", 0.0),
    ):
        torch.manual_seed(0)
        chosen = replace(spec, drop_rate=rate)
        ours = Transformer(chosen, source_vocabulary=arguments.vocabulary, target_vocabulary=arguments.vocabulary).to(
            device
        )
        theirs = Theirs(chosen, arguments.vocabulary).to(device)
        if name == "writing":
            runs = (writing(ours, source), rewriting(theirs.eval(), source))
            pairs = max(3, arguments.pairs // 5)
        else:
            make = training if name.startswith("training") else inference
            runs = (make(ours, source, target), make(theirs, source, target))
            pairs = arguments.pairs
        tell(name, *measure(*runs, pairs))


def training(network: nn.Module, source: Tensor, target: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5, fused=True)

    def step() -> None:
        logits = network(source, target[:, :-1])
        cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), label_smoothing=0.1).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def inference(network: nn.Module, source: Tensor, target: Tensor) -> Callable[[], object]:
    network.eval()

    @torch.inference_mode()
    def run() -> Tensor:
        return network(source, target)

    return run


def writing(network: Transformer, source: Tensor) -> Callable[[], object]:
    network.eval()
    return lambda: translate(network, source, longer=0)


def rewriting(network: Theirs, source: Tensor) -> Callable[[], object]:
    @torch.inference_mode()
    def run() -> Tensor:
        hidden = source == PADDING
        memory = network.core.encoder(network.embedded(source), src_key_padding_mask=hidden)
        written = torch.full((len(source), 1), START, device=source.device)
        for _ in range(source.shape[1]):
            later = nn.Transformer.generate_square_subsequent_mask(written.shape[1], source.device)
            x = network.core.decoder(
                network.embedded(written), memory, later, memory_key_padding_mask=hidden, tgt_is_causal=True
            )
            written = torch.cat((written, (x[:, -1] @ network.embed.weight.T).argmax(1)[:, None]), 1)
        return written

    return run


def measure(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of each, run by turns after a warm-up of both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(-2, pairs):
        for run, kept in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number >= 0:
                kept.append(time.perf_counter() - start)
    return seconds


def tell(name: str, ours: list[float], theirs: list[float]) -> None:
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    cells = (f"{1000 * median(ours):.0f}", f"{1000 * median(theirs):.0f}", f"{median(ratios):.2f}")
    print(f"| {name} | {' | '.join(cells)} | {low:.2f} to {high:.2f} |", flush=True)


if __name__ == "__main__":
    main()
