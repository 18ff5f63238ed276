"""Files of ConvNeXts: timm's."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            renames=(
                (r"^stem\.0\.", "stem.project."),
                (r"^stem\.1\.", "stem.norm."),
                (r"\.downsample\.0\.", ".downsample.norm."),
                (r"\.downsample\.1\.", ".downsample.conv."),
                (r"\.conv_dw\.", ".mix_space."),
                (r"\.mlp\.fc1\.", ".mix_channels.0."),
                (r"\.mlp\.fc2\.", ".mix_channels.2."),
                (r"\.gamma$", ".gain"),
                (r"^head\.norm\.", "pool.norm."),
                (r"^head\.fc\.", "head."),
            )
        ),
    ),
)
