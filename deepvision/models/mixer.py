"""MLP-Mixer: perceptrons over the patches and over the channels, in turn.

Tolstikhin et al. 2021, "MLP-Mixer: an all-MLP architecture for vision" (2105.01601): figure 1, equation 1, tables 1-2.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision.layers.blocks import Head
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.transformer import Perceptron, close_transformer, embed_patches, normed_residual
from deepvision.models.network import Network
from deepvision.types import Images, Tokens


class MixerBlock(nn.Module):
    """A perceptron that mixes the tokens of every channel, and one that mixes the channels of every token.

    Attributes:
        layers: the bound layers of the network.
        tokens_hidden, channels_hidden: units of the two.
        depth: place in the network, from 0 to 1.
    Source: Tolstikhin et al. 2021, equation 1.
    """

    layers: BoundLayers
    tokens_hidden: int
    channels_hidden: int
    depth: float

    @nn.compact
    def __call__(self, x: Tokens) -> Tokens:
        x = normed_residual(self.layers, x, self._mix_tokens, 1, self.depth)
        mix_channels = Perceptron(self.layers, self.channels_hidden, name="mlp_channels")
        return normed_residual(self.layers, x, mix_channels, 2, self.depth)

    def _mix_tokens(self, x: Tokens) -> Tokens:
        mix = Perceptron(self.layers, self.tokens_hidden, name="mlp_tokens")
        return mix(x.swapaxes(1, 2)).swapaxes(1, 2)


class Mixer(Network):
    """Patches as tokens, mixer blocks, the mean of the tokens, and a classifier.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 2, trained on ImageNet alone):

        name           parameters    MACs
        mixer_s16_224   18,528,264   3,776,958,464
        mixer_b16_224   59,880,472  12,601,767,936   76.4
        mixer_l16_224  208,196,168  44,547,678,208   71.8

    The image's sides must be multiples of the patch. They decide the number of tokens, over which the first perceptrons
    have their weights: weights of one size are no use at another. The pyramid has one stage, the patches as images
    [n, h, w, c].

    Attributes:
        patch: side of a patch in pixels.
        small_images: patches of 4x4 pixels, whatever `patch` says.
        width: channels of a token.
        depth: blocks.
        tokens_ratio, channels_ratio: hidden units of the two perceptrons per channel.
    """

    patch: int = 16
    small_images: bool = False
    width: int = 512
    depth: int = 8
    tokens_ratio: float = 0.5
    channels_ratio: float = 4.0
    layers: Layers = Layers(norm="layer", act="gelu", placement="pre", paper_init="lecun_normal")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = embed_patches(L, x, 4 if self.small_images else self.patch, self.width)
        plane = x.shape
        x = x.reshape(plane[0], -1, self.width)
        hidden = int(self.width * self.tokens_ratio), int(self.width * self.channels_ratio)
        block = functools.partial(L.block(MixerBlock), L, *hidden)
        depths = [index / max(self.depth - 1, 1) for index in range(self.depth)]
        x = L.chain((block(depth, name=f"block{index}") for index, depth in enumerate(depths)), x)
        x = close_transformer(L, x)
        return [x.reshape(plane)] if pyramid else Head(L, self.num_classes, drop=False, name="head")(x)


MIXERS = {
    "mixer_s16_224": Mixer,
    "mixer_b16_224": functools.partial(Mixer, width=768, depth=12),
    "mixer_l16_224": functools.partial(Mixer, width=1024, depth=24),
}
