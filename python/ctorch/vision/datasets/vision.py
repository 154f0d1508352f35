"""VisionDataset: the base of the image datasets."""
from __future__ import annotations

import os

import ctorch as torch
from ctorch.utils.data import Dataset

__all__ = ["VisionDataset", "StandardTransform"]


class StandardTransform:
    """One transform for the image, one for the target."""

    def __init__(self, transform=None, target_transform=None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    @staticmethod
    def _lines(transform, head):
        lines = repr(transform).splitlines()
        return [f"{head}{lines[0]}"] + [" " * len(head) + line for line in lines[1:]]

    def __repr__(self):
        body = [type(self).__name__]
        if self.transform is not None:
            body += self._lines(self.transform, "Transform: ")
        if self.target_transform is not None:
            body += self._lines(self.target_transform, "Target transform: ")
        return "\n".join(body)


class VisionDataset(Dataset):
    """Samples (image, target) with root, transform, target_transform. Subclasses write __getitem__ and __len__."""

    _repr_indent = 4

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if isinstance(root, str):
            root = os.path.expanduser(root)
        self.root = root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def __repr__(self):
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            body.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}"] + [" " * self._repr_indent + line for line in body])

    def extra_repr(self):
        return ""


class _Plan:
    """raw_steps of the transform that a dataset has now, found once for each transform object."""

    __slots__ = ("transform", "steps", "plan")

    def __init__(self):
        self.transform, self.steps, self.plan = self, None, None

    def __call__(self, transform):
        if transform is None:
            return None
        steps = list(getattr(transform, "transforms", ()) or ())
        if transform is not self.transform or steps != self.steps:
            from ..transforms.transforms import raw_steps
            self.transform, self.steps, self.plan = transform, steps, raw_steps(transform)
        return self.plan


def pil_from_planes(image):
    """A uint8 tensor (H, W), (1, H, W) or (3, H, W) -> a Pillow image."""
    from ..transforms.functional import to_pil_image
    return to_pil_image(image)


def raw_item(image, transform, plan):
    """What transform(Pillow image) gives for a uint8 tensor (C, H, W), without Pillow where the transform allows."""
    from ..transforms.transforms import apply_raw
    steps = plan(transform)
    if steps is not None:
        return apply_raw(steps, image)
    image = pil_from_planes(image)
    return image if transform is None else transform(image)


def bytes_tensor(data, shape):
    """A uint8 tensor over bytes that nothing else holds (a bytearray is shared, other bytes are copied)."""
    if not isinstance(data, bytearray):
        data = bytearray(data)
    if not data:
        return torch.empty(shape, dtype=torch.uint8)
    return torch.frombuffer(data, dtype=torch.uint8).view(shape)
