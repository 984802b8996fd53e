"""The nets in plain PyTorch, with the parameter names of the field's published checkpoints."""

import torch
import torch.nn.functional as F
from torch import nn


def conv3x3(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


class ResNetBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs, 1), nn.BatchNorm2d(outputs)
        self.stride, self.new_channels = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        # Option A: every other pixel, zero channels on both sides.
        before = self.new_channels // 2
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.new_channels - before))
        return F.relu(y + shortcut)


class ResNet(nn.Module):
    """He et al. 2016, section 4.2 (CIFAR); names of akamaster/pytorch_resnet_cifar10."""

    def __init__(self, depth: int, classes: int = 10, width: int = 16):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1, self.bn1 = conv3x3(3, width, 1), nn.BatchNorm2d(width)
        inputs = width
        for stage in range(3):
            outputs = width << stage
            layers = []
            for block in range(blocks):
                layers.append(ResNetBlock(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        features = x.mean((2, 3))
        return features, self.linear(features)


class Residual(nn.Module):
    """A block of the ResNets below: basic or a bottleneck, normalised after or before each convolution."""

    def __init__(
        self, inputs: int, channels: int, stride: int, bottleneck: bool, before: bool, shortcut: str, plain: bool
    ):
        super().__init__()
        shapes = [(channels, 3, stride), (channels, 3, 1)]
        if bottleneck:
            shapes = [(channels, 1, 1), (channels, 3, stride), (4 * channels, 1, 1)]
        self.count, self.before, self.shortcut_name, self.plain = len(shapes), before, shortcut, plain
        self.outputs, width = shapes[-1][0], inputs
        for number, (outputs, kernel, step) in enumerate(shapes, 1):
            norm = nn.BatchNorm2d(width if before else outputs)
            convolution = nn.Conv2d(width, outputs, kernel, step, kernel // 2, bias=False)
            setattr(self, f"conv{number}", convolution)
            setattr(self, f"bn{number}", norm)
            width = outputs
        self.is_resized = stride != 1 or inputs != self.outputs
        if self.is_resized:
            projection = [nn.Conv2d(inputs, self.outputs, 1, stride, bias=False)]
            if not before:
                projection.append(nn.BatchNorm2d(self.outputs))
            setattr(self, shortcut, nn.Sequential(*projection))

    def forward(self, x):
        y, around = x, x
        for number in range(1, self.count + 1):
            convolution, norm = getattr(self, f"conv{number}"), getattr(self, f"bn{number}")
            if self.before:
                y = F.relu(norm(y))
                if number == 1 and self.is_resized:
                    around = getattr(self, self.shortcut_name)(x if self.plain else y)
                y = convolution(y)
            else:
                y = norm(convolution(y))
                y = F.relu(y) if number < self.count else y
        if self.before:
            return y + around
        if self.is_resized:
            around = getattr(self, self.shortcut_name)(x)
        return F.relu(y + around)


class FormedResNet(nn.Module):
    """The other forms: `projection` of akamaster/pytorch_resnet_cifar10 (option B), `cifar`, `preact` of
    kuangliu/pytorch-cifar, `imagenet` of torchvision, `normalised` (preact with a last batch norm, as Rice et al.),
    `plain` (preact whose shortcuts read the plain input, as Wong et al.), and `plain normalised`."""

    def __init__(self, form: str, blocks: list[int], width: int, bottleneck: bool = False, classes: int = 10):
        super().__init__()
        self.form, self.stages = form, len(blocks)
        plain, normalised = "plain" in form, "normalised" in form
        before = form == "preact" or plain or normalised
        shortcut = "downsample" if form == "imagenet" else "shortcut"
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False) if form == "imagenet" else conv3x3(3, width, 1)
        if not before:
            self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(Residual(inputs, width << stage, stride, bottleneck, before, shortcut, plain))
                inputs = layers[-1].outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        if normalised:
            self.bn = nn.BatchNorm2d(inputs)
        setattr(self, "fc" if form == "imagenet" else "linear", nn.Linear(inputs, classes))

    def forward(self, x):
        x = self.conv1(x)
        if hasattr(self, "bn1"):
            x = F.relu(self.bn1(x))
        if self.form == "imagenet":
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        if hasattr(self, "bn"):
            x = F.relu(self.bn(x))
        features = x.mean((2, 3))
        return features, (self.fc if self.form == "imagenet" else self.linear)(features)


class AlexNet(nn.Module):
    """Gidaris et al. 2018; names of FeatureLearningRotNet."""

    def __init__(self, width: int = 64, hidden: int = 4096, classes: int = 4):
        super().__init__()
        blocks, inputs = [], 3
        shapes = [(11, 4, 2, 64, True), (5, 1, 2, 192, True), (3, 1, 1, 384, False)]
        for kernel, stride, padding, share, pooled in shapes + [(3, 1, 1, 256, False), (3, 1, 1, 256, True)]:
            outputs = width * share // 64
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding)
            blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU()))
            if pooled:
                blocks.append(nn.MaxPool2d(3, 2))
            inputs = outputs
        linear = [nn.Flatten(), nn.Linear(36 * inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
        linear += [nn.Linear(hidden, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
        blocks += [nn.Sequential(*linear), nn.Sequential(nn.Linear(hidden, classes))]
        self._feature_blocks = nn.ModuleList(blocks)

    def forward(self, x):
        for block in self._feature_blocks[:-1]:
            x = block(x)
        return x, self._feature_blocks[-1](x)


class WideBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs, 1)
        self.convShortcut = None
        if inputs != outputs:
            self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        activated = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        # The shortcut convolution reads the activated input, the identity the plain one.
        return y + (x if self.convShortcut is None else self.convShortcut(activated))


class WideStage(nn.Module):
    def __init__(self, blocks: int, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.layer = nn.Sequential(
            *(WideBlock(outputs if i else inputs, outputs, 1 if i else stride) for i in range(blocks))
        )

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """Zagoruyko and Komodakis 2016; names of TRADES and Carmon et al. 2019 (without the unused sub_block1)."""

    def __init__(self, depth: int, widen: int, classes: int = 10):
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = conv3x3(3, 16, 1)
        self.block1 = WideStage(blocks, 16, 16 * widen, 1)
        self.block2 = WideStage(blocks, 16 * widen, 32 * widen, 2)
        self.block3 = WideStage(blocks, 32 * widen, 64 * widen, 2)
        self.bn1 = nn.BatchNorm2d(64 * widen)
        self.fc = nn.Linear(64 * widen, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        features = F.relu(self.bn1(x)).mean((2, 3))
        return features, self.fc(features)


class NetworkInNetworkLayer(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self.layers = nn.Sequential()
        self.layers.add_module("Conv", nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=False))
        self.layers.add_module("BatchNorm", nn.BatchNorm2d(outputs))
        self.layers.add_module("ReLU", nn.ReLU())

    def forward(self, x):
        return self.layers(x)


class GlobalAveragePooling(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class RotationNet(nn.Module):
    """Gidaris et al. 2018, the network-in-network of four blocks (192 wide); names of FeatureLearningRotNet."""

    def __init__(self, width: int = 192):
        super().__init__()
        middle, narrow = width * 5 // 6, width // 2
        blocks, inputs = [], 3
        for index, (kernel, widths) in enumerate(
            [(5, [width, middle, narrow]), (5, [width] * 3), (3, [width] * 3), (3, [width] * 3)]
        ):
            block = nn.Sequential()
            for layer, outputs in enumerate(widths):
                name = f"Block{index + 1}_ConvB{layer + 1}"
                block.add_module(name, NetworkInNetworkLayer(inputs, outputs, 1 if layer else kernel))
                inputs = outputs
            if index == 0:
                block.add_module("Block1_MaxPool", nn.MaxPool2d(3, 2, 1))
            if index == 1:
                block.add_module("Block2_AvgPool", nn.AvgPool2d(3, 2, 1))
            blocks.append(block)
        last = nn.Sequential()
        last.add_module("GlobalAveragePooling", GlobalAveragePooling())
        last.add_module("Classifier", nn.Linear(width, 4))
        self._feature_blocks = nn.ModuleList([*blocks, last])

    def forward(self, x):
        for block in self._feature_blocks[:4]:
            x = block(x)
        features, classifier = self._feature_blocks[4]
        return features(x), classifier(features(x))


class ContextEncoder(nn.Module):
    """Pathak et al. 2016; module numbers of BoyuanJiang/context_encoder_pytorch. The layers are listed in README.md."""

    def __init__(self, size: int, width: int = 64, latent: int = 4000):
        super().__init__()
        down = {128: [1, 1, 2, 4, 8], 32: [1, 2, 4]}[size]
        up = {128: [8, 4, 2, 1], 32: [2, 1]}[size]
        layers, inputs = [], 3
        for level, times in enumerate(down):
            outputs = width * times
            layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
            if level > 0:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            inputs = outputs
        layers += [nn.Conv2d(inputs, latent, 4, bias=False), nn.BatchNorm2d(latent), nn.LeakyReLU(0.2)]
        inputs = latent
        for level, times in enumerate(up):
            outputs = width * times
            stride, padding = (2, 1) if level else (1, 0)
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers += [nn.ConvTranspose2d(inputs, 3, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.main(x)


class SimClr(nn.Module):
    """Chen et al. 2020; names of sthalles/SimCLR: linear, relu, linear in the place of the last layer of a net."""

    def __init__(self, backbone: nn.Module, last: str, embedding: int = 128):
        super().__init__()
        features = getattr(backbone, last).in_features
        projection = [nn.Linear(features, features), nn.ReLU(), nn.Linear(features, embedding)]
        setattr(backbone, last, nn.Sequential(*projection))
        self.backbone = backbone

    def forward(self, x):
        _, embeddings = self.backbone(x)
        return embeddings


class ContrastiveHead(nn.Module):
    """The head of Mao et al. 2021 (`WRN34_out_branch`) on pooled features."""

    def __init__(self, features: int, hidden: int = 256, embedding: int = 16):
        super().__init__()
        self.linear = nn.Linear(features, hidden)
        self.bn3 = nn.BatchNorm1d(hidden)
        self.linear2 = nn.Linear(hidden, embedding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(F.relu(self.bn3(self.linear(x))))
