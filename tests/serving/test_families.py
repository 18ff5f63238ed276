"""What every family can be exported to; the rows of docs/export.md come from here."""

import pytest
import torch

import export_table
from anmok.backbone import Kind, Segmenter
from anmok.catalogue import create_model, create_segmenter, require_model
from anmok.serving.graph import Session, quiet, translate
from anmok.serving.onnx import uneven_size
from parity import scatter
from presets import EVERY_FAMILY

FIXED = {
    Kind.MLP: "no: weights are for one size",
    Kind.TRANSFORMER: "no: attention is laid out for one size",
    Kind.HYBRID: "no: attention is laid out for one size",
}


def build(name):
    torch.manual_seed(0)
    if issubclass(require_model(name).architecture.model, Segmenter):
        network = create_segmenter(name, num_classes=3)
    else:
        network = create_model(name, num_classes=10, img_size=32)
    scatter(network)
    return network.eval()


def difference(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.compile  # the shape-checking hook takes a height that is left open for no integer
@pytest.mark.parametrize("name", EVERY_FAMILY)
def test_every_family_answers_alike_after_its_export(name, capfd):
    """Warnings are errors here, so this also shows that the exporter says nothing to the user."""
    network, kind = build(name), require_model(name).architecture.kind
    built, sizes = network.spec.img_size, network.spec.image_sizes
    shown = uneven_size(network.spec) if kind is Kind.CNN else built
    program = translate(network, torch.randn(2, 3, *shown), "images", dynamic_size=kind is Kind.CNN)
    batches = [torch.randn(count, 3, *shown) for count in (2, 5)]
    if kind is Kind.CNN:
        smaller, larger = [tuple(map(sizes.nearest, size)) for size in ((24, 28), (64, 96))]
        batches += [torch.randn(1, 3, *built), torch.randn(2, 3, *smaller), torch.randn(3, 3, *larger)]
    with torch.inference_mode():
        expected = [network(images) for images in batches]
        with quiet():
            exported = program.exported_program.module()
        torch.testing.assert_close(exported(batches[1]), expected[1])
    answer = Session(program.model_proto.SerializeToString())
    found = [torch.from_numpy(answer(images.numpy())) for images in batches]
    largest = max(map(difference, found, expected))
    assert largest <= 1e-4
    assert capfd.readouterr() == ("", "")
    export_table.claim(
        name,
        {
            "torch.export": "yes",
            "ONNX, any batch": "yes",
            "ONNX, any height and width": FIXED.get(kind, "yes"),
            "Largest difference": "<= 1e-5" if largest <= 1e-5 else "<= 1e-4",
        },
    )


def test_the_table_has_a_row_for_every_family_and_no_other():
    assert export_table.PATH.read_text().startswith(export_table.BEGINNING)
    rows = export_table.read_table()
    assert set(rows) == {require_model(name).family for name in EVERY_FAMILY}
    assert not [family for family, row in rows.items() if export_table.UNKNOWN in row.values()]


def test_a_row_that_says_other_than_what_was_found_fails_the_test_and_is_rewritten(tmp_path, monkeypatch):
    monkeypatch.setattr(export_table, "PATH", tmp_path / "docs" / "export.md")
    message = (
        r"^docs/export.md is out of date for vit: torch.compile was '\?' and is 'yes'\. The row has been rewritten"
    )
    with pytest.raises(pytest.fail.Exception, match=message):
        export_table.claim("vit_nano", {"torch.compile": "yes"})
    export_table.claim("vit_nano", {"torch.compile": "yes"})
    with pytest.raises(pytest.fail.Exception, match=r"for vit: torch.export was '\?' and is 'yes'\. The row"):
        export_table.claim("vit_nano", {"torch.export": "yes"})
    assert export_table.read_table()["vit"]["torch.compile"] == "yes"
