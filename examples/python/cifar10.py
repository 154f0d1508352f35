"""The introduction's network on all of CIFAR-10: trained, saved, tested and drawn.

With the same seed, batch size and number of workers every random draw is PyTorch's, so the printed losses are too. The
data: --data DIR, else $CTORCH_DATA, else ./data, else the copy that the repository carries (prepared once into ./data),
else the published archive by download.
"""
import argparse
import os
import sys
import time

import ctorch as torch
import ctorch.nn as nn
import ctorch.nn.functional as F
import ctorch.optim as optim
from ctorch.utils.data import DataLoader
from ctorch.vision import datasets, transforms
from ctorch.vision.utils import make_grid

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

CARRIED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "cifar10-jpeg.tar.xz")
FOLDER = datasets.CIFAR10.base_folder


def has_data(root):
    return os.path.isdir(os.path.join(root, FOLDER))


def find_data(wanted):
    """The folder that holds cifar-10-batches-py, made first where need be; says which it is."""
    for root, name in ((wanted, "--data"), (os.environ.get("CTORCH_DATA"), "$CTORCH_DATA")):
        if root:
            if not has_data(root):
                sys.exit(f"{name} is {root}, but there is no {FOLDER} in it. Leave it out to use the repository's copy.")
            print(f"Data: {os.path.join(root, FOLDER)} ({name})")
            return root
    if has_data("data"):
        print(f"Data: {os.path.join('data', FOLDER)} (found in the current folder)")
    elif os.path.isfile(CARRIED):
        from ctorch.vision._prepare import prepare_cifar10
        print(f"Data: the copy that the repository carries ({os.path.normpath(CARRIED)}), prepared into ./data")
        prepare_cifar10(CARRIED, "data")
    else:
        print(f"Data: the published archive, {datasets.CIFAR10.url}, into ./data")
    return "data"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):  # (N, 3, 32, 32) -> (N, 10)
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class Bar:
    """tqdm's bar, or nothing where it is not installed or stderr is no terminal that could show one."""

    def __init__(self, total, text):
        self.bar = tqdm(total=total, desc=text, unit="batch", dynamic_ncols=True,
                        mininterval=0.1 if sys.stderr.isatty() else 10) if tqdm else None

    def step(self, loss, done):
        if self.bar is not None:
            if done % 50 == 0:
                self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            self.bar.update()

    def say(self, text):
        if self.bar is not None:
            self.bar.clear()
        print(text, flush=True)

    def close(self):
        if self.bar is not None:
            self.bar.close()


def train(net, loader, epochs, steps):
    """Returns every batch's loss."""
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    history = []
    for epoch in range(epochs):
        running = recent = 0.0
        bar = Bar(min(len(loader), steps or len(loader)), f"Epoch {epoch + 1}/{epochs}")
        for i, (inputs, labels) in enumerate(loader):
            if steps and i == steps:
                break
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            value = loss.item()
            history.append(value)
            running += value
            recent = value if i == 0 else 0.99 * recent + 0.01 * value
            bar.step(recent, i)
            if i % 2000 == 1999:
                bar.say(f"[{epoch + 1}, {i + 1:5d}] loss: {running / 2000:.3f}")
                running = 0.0
        bar.close()
    return history


def test(net, loader, classes):
    """(class -> (correct, total), predictions in order)."""
    score = {name: [0, 0] for name in classes}
    predictions = []
    with torch.no_grad():
        for images, labels in loader:
            predicted = torch.max(net(images), 1)[1].tolist()
            predictions += predicted
            for label, guess in zip(labels.tolist(), predicted):
                score[classes[label]][0] += label == guess
                score[classes[label]][1] += 1
    return score, predictions


def draw(path, history, epochs, score, testset, predictions, accuracy):
    """One PNG: the loss curve, the accuracy per class, and test images with what the network takes them for."""
    try:
        import matplotlib
    except ImportError:
        print("No picture: matplotlib is not installed (pip install matplotlib)")
        return False
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ink, soft, line, good, bad = "#1f2933", "#7b8794", "#2563eb", "#15803d", "#dc2626"
    plt.rcParams.update({"font.size": 10, "text.color": ink, "axes.edgecolor": "#cbd2d9", "axes.labelcolor": soft,
                         "xtick.color": soft, "ytick.color": soft, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(13, 8.6), dpi=130, facecolor="white")
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.12], height_ratios=[1.15, 1], left=0.085, right=0.985, top=0.85,
                               bottom=0.065, wspace=0.07, hspace=0.34)
    figure.text(0.085, 0.945, f"CIFAR-10: {accuracy:.2f} % of {len(predictions):,} test images", fontsize=19, weight="bold")
    figure.text(0.085, 0.912, f"LeNet of the introduction, {epochs} epoch{'s' * (epochs != 1)}, {len(history):,} batches, "
                "SGD with momentum", fontsize=11, color=soft)

    axes = figure.add_subplot(grid[0, 0])
    window = max(len(history) // 100, 1)
    means = [sum(history[k:k + window]) / len(history[k:k + window]) for k in range(0, len(history), window)]
    spots = [min(k + window / 2, len(history)) for k in range(0, len(history), window)]
    axes.plot(spots, means, color=line, alpha=0.35, linewidth=1.2)
    smooth, level = [], means[0]
    for value in means:
        level += 0.35 * (value - level)
        smooth.append(level)
    axes.plot(spots, smooth, color=line, linewidth=2.4)
    for epoch in range(1, epochs):
        at = len(history) * epoch / epochs
        axes.axvline(at, color="#cbd2d9", linewidth=1, linestyle=(0, (4, 3)))
        axes.text(at, axes.get_ylim()[1], f" epoch {epoch + 1}", color=soft, fontsize=9, va="top")
    axes.set_title("Training loss", loc="left", fontsize=12, weight="bold")
    axes.set_xlabel("batches")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{int(value):,}"))
    axes.grid(axis="y", color="#eef1f4", linewidth=1)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)

    axes = figure.add_subplot(grid[1, 0])
    names = sorted(score, key=lambda name: score[name][0] / max(score[name][1], 1))
    values = [100 * score[name][0] / max(score[name][1], 1) for name in names]
    axes.barh(names, values, color=line, height=0.68)
    for place, value in enumerate(values):
        axes.text(value + 1, place, f"{value:.1f} %", va="center", fontsize=9, color=ink)
    axes.set_xlim(0, 100)
    axes.set_title("Accuracy per class", loc="left", fontsize=12, weight="bold")
    axes.tick_params(axis="y", length=0, labelcolor=ink)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#eef1f4", linewidth=1)
    axes.set_axisbelow(True)

    across, down = 6, 5
    pictures = grid[:, 1].subgridspec(down, across, wspace=0.06, hspace=0.3)
    for k in range(min(across * down, len(predictions))):
        image, label = testset[k]
        axes = figure.add_subplot(pictures[k // across, k % across])
        axes.imshow(((image / 2 + 0.5) * 255).to(torch.uint8).permute(1, 2, 0).tolist(), interpolation="lanczos")
        axes.set_xticks([])
        axes.set_yticks([])
        right = predictions[k] == label
        for spine in axes.spines.values():
            spine.set(visible=True, color=good if right else bad, linewidth=2)
        text = testset.classes[predictions[k]] + ("" if right else f" ({testset.classes[label]})")
        axes.set_title(text, fontsize=8 if len(text) < 17 else 6.8, color=good if right else bad, pad=3)
    figure.text(0.985, 0.912, "Predictions: right in green, wrong in red with the truth in brackets", fontsize=10, color=soft,
                ha="right")
    figure.savefig(path + ".part", format="png")
    plt.close(figure)
    os.replace(path + ".part", path)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder that holds cifar-10-batches-py")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0, help="stop each epoch after this many batches (0: the whole set)")
    parser.add_argument("--out", default=".", help="where cifar_net.pth and cifar10.png go")
    args = parser.parse_args()

    root = find_data(args.data)
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(args.seed)
    net = Net()
    print(net)
    transform = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ])
    trainset = datasets.CIFAR10(root, train=True, transform=transform, download=True)
    testset = datasets.CIFAR10(root, train=False, transform=transform)
    trainloader = DataLoader(trainset, batch_size=args.batch_size, shuffle=True, num_workers=args.workers)
    testloader = DataLoader(testset, batch_size=args.batch_size, shuffle=False, num_workers=args.workers)
    images, labels = next(iter(trainloader))
    print("A first batch:", tuple(make_grid(images).shape), " ".join(trainset.classes[k] for k in labels.tolist()))

    start = time.perf_counter()
    history = train(net, trainloader, args.epochs, args.steps)
    print(f"Finished training: {len(history):,} batches in {time.perf_counter() - start:.1f} s")

    weights = os.path.join(args.out, "cifar_net.pth")
    torch.save(net.state_dict(), weights)
    net = Net()
    net.load_state_dict(torch.load(weights, weights_only=True))
    score, predictions = test(net, testloader, testset.classes)
    correct, total = sum(s[0] for s in score.values()), sum(s[1] for s in score.values())
    accuracy = 100 * correct / total
    print(f"Accuracy of the network on the {total} test images: {accuracy:.2f} %")
    for name, (right, count) in score.items():
        print(f"Accuracy for class {name:>10s}: {100 * right / max(count, 1):.1f} %")
    picture = os.path.join(args.out, "cifar10.png")
    if draw(picture, history or [0.0], max(args.epochs, 1), score, testset, predictions, accuracy):
        print(f"Wrote {weights} and {picture}")


if __name__ == "__main__":
    main()
