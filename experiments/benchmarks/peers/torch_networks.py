"""The networks of the step's benchmark in PyTorch, as torchvision and the papers' repositories write them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from experiments.benchmarks.peers.workload import CLASSES, SIGMA, Workload


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


def lenet5() -> nn.Module:
    """LeNet-5 with ReLU and max pooling."""
    features = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    classifier = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)]
    return nn.Sequential(*features, nn.Flatten(), *classifier)


class Basic(nn.Module):
    """Two 3x3 convolutions; the shortcut pads with zero channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.stride, self.padding = stride, outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.relu((F.pad(x, (0, 0, 0, 0, 0, self.padding)) if self.padding else x) + y)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions; strides in the second."""

    def __init__(self, inputs: int, features: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, features, 1), nn.BatchNorm2d(features)
        self.conv2, self.norm2 = conv(features, features, 3, stride), nn.BatchNorm2d(features)
        self.conv3, self.norm3 = conv(features, 4 * features, 1), nn.BatchNorm2d(4 * features)
        project = stride > 1 or inputs != 4 * features
        shortcut = (conv(inputs, 4 * features, 1, stride), nn.BatchNorm2d(4 * features)) if project else ()
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


class Averaged(nn.Module):
    """The mean over the plane."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def cifar_resnet20() -> nn.Module:
    parts, inputs = [conv(3, 16), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, features in enumerate((16, 32, 64)):
        for block in range(3):
            parts.append(Basic(inputs, features, 2 if stage and not block else 1))
            inputs = features
    return nn.Sequential(*parts, Averaged(), nn.Linear(64, CLASSES))


def resnet50() -> nn.Module:
    parts, inputs = [conv(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            parts.append(Bottleneck(inputs, 64 * 2**stage, 2 if stage and not block else 1))
            inputs = 256 * 2**stage
    return nn.Sequential(*parts, Averaged(), nn.Linear(2048, 1000))


class DnCNN17(nn.Module):
    """The noise of an image."""

    def __init__(self) -> None:
        super().__init__()
        hidden = [layer for _ in range(15) for layer in (conv(64, 64), nn.BatchNorm2d(64), nn.ReLU())]
        self.layers = nn.Sequential(conv(1, 64), nn.ReLU(), *hidden, conv(64, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.layers(x)


class Block(nn.Module):
    """Self-attention and a perceptron, each behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.hidden, self.back = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        parts = self.inward(self.norm1(x)).reshape(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(query, key, value)
        x = x + self.outward(y.transpose(1, 2).reshape(n, tokens, width))
        return x + self.back(F.gelu(self.hidden(self.norm2(x))))


class ViT(nn.Module):
    """Patches, a class token, 12 blocks."""

    def __init__(self, size: int, patch: int, width: int, heads: int, classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


NETWORKS = {
    "lenet5_modern": lenet5,
    "cifar_resnet20": cifar_resnet20,
    "dncnn17_gray": DnCNN17,
    "vit_tiny_patch4_32": functools.partial(ViT, 32, 4, 192, 3, CLASSES),
    "vit_small_patch16_224": functools.partial(ViT, 224, 16, 384, 6, 1000),
    "vit_base_patch16_224": functools.partial(ViT, 224, 16, 768, 12, 1000),
    "resnet50": resnet50,
}


def make_run(
    workload: Workload,
    channels_last: bool = False,
    compiled: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
) -> Callable[[int], float]:
    """Returns a function that makes so many updates of a network by SGD with momentum, and returns the last loss.

    With the dtype bfloat16, `torch.autocast` chooses what is computed in it.
    """
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    model = NETWORKS[workload.network]().to(device)
    fast = {"fused": True} if device == "cuda" else {"foreach": True}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, **fast)
    images, labels = (torch.from_numpy(array).to(device) for array in workload.examples())
    images, labels = images.permute(0, 3, 1, 2).contiguous(), labels.long()
    if channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    network = torch.compile(model) if compiled else model
    mixed = torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")

    def loss() -> torch.Tensor:
        with mixed:
            if workload.restores:
                return F.mse_loss(network(images + SIGMA * torch.randn_like(images)), images)
            return F.cross_entropy(network(images), labels)

    def run(steps: int) -> float:
        for _ in range(steps):
            value = loss()
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
        assert torch.isfinite(value), f"{workload.network}: the loss of PyTorch is {value}"
        return float(value.detach())

    return run


def parameters(network: str) -> int:
    """Returns how many parameters a network has."""
    return sum(parameter.numel() for parameter in NETWORKS[network]().parameters())
