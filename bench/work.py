"""The work that is timed. Each function takes the library (torch or ctorch: the code is the same) and prepares one workload; what
it returns is called again and again. A name holds its sizes, so that two libraries are compared under one name."""

WORK = {}  # name: (group, function of the library)


def work(group, *variants):
    """Registers a workload, once for each tuple of arguments."""
    def register(make):
        for arguments in variants or ((),):
            name = " ".join([make.__name__.rstrip("_")] + [str(a) for a in arguments if a != ""])
            WORK[name] = (group, lambda torch, make=make, arguments=arguments: make(torch, *arguments))
        return make
    return register


def names(pattern="", group=None):
    return [n for n, (g, _) in WORK.items() if pattern in n and (group is None or g == group)]


# ---- training steps ----

def training_step(torch, net, x, y):
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)

    def step():
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    return step


@work("train", (4,), (64,), (256,))
def lenet_step(torch, batch):
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 6, 5)
            self.pool = nn.MaxPool2d(2, 2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x):
            x = self.pool(F.relu(self.conv1(x)))
            x = self.pool(F.relu(self.conv2(x)))
            x = torch.flatten(x, 1)
            x = F.relu(self.fc1(x))
            x = F.relu(self.fc2(x))
            return self.fc3(x)

    torch.manual_seed(0)
    return training_step(torch, Net(), torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,)))


@work("train", (64,))
def mlp_step(torch, batch):
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return training_step(torch, net, torch.randn(batch, 784), torch.randint(0, 10, (batch,)))


# ---- tiny tensors ----

@work("tiny", ("",), ("grad",))
def add_tiny(torch, grad):
    a, b = torch.ones(4, requires_grad=bool(grad)), torch.ones(4)
    return lambda: a + b


@work("tiny")
def add_inplace_tiny(torch):
    a = torch.ones(4)
    return lambda: a.add_(1)


@work("tiny", ("",), ("grad",))
def index_tiny(torch, grad):
    a = torch.ones(4, requires_grad=bool(grad))
    return lambda: a[0]


@work("tiny", ("",), ("grad",))
def view_tiny(torch, grad):
    a = torch.ones(4, requires_grad=bool(grad))
    return lambda: a.view(-1)


@work("tiny")
def linear_8x8(torch):
    layer, x = torch.nn.Linear(8, 8), torch.ones(1, 8)
    return lambda: layer(x)


@work("tiny")
def mul_sum_backward_8(torch):
    a, b = torch.ones(8, requires_grad=True), torch.ones(8, requires_grad=True)
    return lambda: (a * b).sum().backward()


@work("tiny")
def tensor_of_3(torch):
    return lambda: torch.tensor([1., 2., 3.])


@work("tiny")
def item(torch):
    a = torch.ones(())
    return lambda: a.item()


# ---- what every call costs: tensors so small that the arithmetic is nothing ----

def call(name, make):
    """A workload of one line: `make(torch)` prepares it."""
    WORK["call " + name] = ("call", make)


def call_on(name, shape, run, **options):
    """run(x) on a tensor of ones."""
    call(name, lambda torch: (lambda x: lambda: run(x))(torch.ones(shape, **options)))


call_on("float(x)", (), float)
call_on("int(x)", (), int)
call_on("bool(x)", (), bool)
call_on("x.shape", (2, 3), lambda x: x.shape)
call_on("x.size()", (2, 3), lambda x: x.size())
call_on("x.size(0)", (2, 3), lambda x: x.size(0))
call_on("x.dim()", (2, 3), lambda x: x.dim())
call_on("len(x)", (4,), len)
call_on("x.dtype", (4,), lambda x: x.dtype)
call_on("list(x), 4 elements", (4,), list)
call_on("x.tolist(), 4 elements", (4,), lambda x: x.tolist())
call_on("x.data", (4,), lambda x: x.data)
call_on("x.detach()", (4,), lambda x: x.detach())
call_on("x.grad", (4,), lambda x: x.grad)
call_on("x.requires_grad_()", (4,), lambda x: x.requires_grad_())
call_on("x.zero_()", (4,), lambda x: x.zero_())
call_on("x[1:3]", (4,), lambda x: x[1:3])
call_on("x[0, 1]", (2, 3), lambda x: x[0, 1])
call_on("x[:, 0]", (2, 3), lambda x: x[:, 0])
call_on("x[0] = 1", (4,), lambda x: x.__setitem__(0, 1.0))
call_on("x.t()", (2, 3), lambda x: x.t())
call_on("x.view(3, 2)", (2, 3), lambda x: x.view(3, 2))
call_on("x.view(-1, 3)", (2, 3), lambda x: x.view(-1, 3))
call_on("x.reshape(6)", (2, 3), lambda x: x.reshape(6))
call_on("x.unsqueeze(0)", (2, 3), lambda x: x.unsqueeze(0))
call_on("x.flatten(1)", (2, 3, 2), lambda x: x.flatten(1))
call_on("x * 2", (4,), lambda x: x * 2)
call_on("x * 2.5, grad", (4,), lambda x: x * 2.5, requires_grad=True)
call_on("1 - x", (4,), lambda x: 1 - x)
call_on("x / x", (4,), lambda x: x / x)
call_on("x == x", (4,), lambda x: x == x)
call_on("x > 0", (4,), lambda x: x > 0)
call_on("-x", (4,), lambda x: -x)
call_on("x ** 2", (4,), lambda x: x ** 2)
call_on("x += 1", (4,), lambda x: x.__iadd__(1))
call_on("x.sum()", (4,), lambda x: x.sum())
call_on("x.sum(), grad", (4,), lambda x: x.sum(), requires_grad=True)
call_on("x.mean(1)", (2, 3), lambda x: x.mean(1))
call_on("x.sum(dim=1, keepdim=True)", (2, 3), lambda x: x.sum(dim=1, keepdim=True))
call_on("x.exp()", (4,), lambda x: x.exp())
call_on("x @ x", (3, 3), lambda x: x @ x)
call_on("x.clone()", (4,), lambda x: x.clone())
call_on("x.to(float64)", (4,), lambda x: x.double())
call_on("x.contiguous()", (4,), lambda x: x.contiguous())
call("torch.relu(x)", lambda torch: (lambda x: lambda: torch.relu(x))(torch.ones(4)))
call("F.relu(x)", lambda torch: (lambda x, F: lambda: F.relu(x))(torch.ones(4), torch.nn.functional))
call("torch.max(x, 1)", lambda torch: (lambda x: lambda: torch.max(x, 1))(torch.ones(4, 10)))
call("torch.flatten(x, 1)", lambda torch: (lambda x: lambda: torch.flatten(x, 1))(torch.ones(4, 2, 2)))
call("torch.cat", lambda torch: (lambda x: lambda: torch.cat([x, x]))(torch.ones(4)))
call("torch.stack", lambda torch: (lambda x: lambda: torch.stack([x, x]))(torch.ones(4)))
call("torch.zeros(2, 3)", lambda torch: lambda: torch.zeros(2, 3))
call("torch.randn(4)", lambda torch: lambda: torch.randn(4))
call("torch.tensor(1.)", lambda torch: lambda: torch.tensor(1.))


@work("call")
def no_grad(torch):
    def run():
        with torch.no_grad():
            pass
    return run


@work("call")
def evaluation_loop(torch):
    """The introduction's count of right answers, label by label."""
    labels, predicted = torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)
    classes, right = ["a"], {"a": 0}

    def run():
        for label, prediction in zip(labels, predicted):
            if label == prediction:
                right[classes[label]] += 1
    return run


@work("call")
def identity_module(torch):
    class Same(torch.nn.Module):
        def forward(self, x):
            return x
    module, x = Same(), torch.ones(1)
    return lambda: module(x)


@work("call")
def sequential_relu_3(torch):
    nn = torch.nn
    module, x = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU()), torch.ones(1)
    return lambda: module(x)


@work("call")
def conv2d_tiny(torch):
    layer, x = torch.nn.Conv2d(1, 1, 3), torch.ones(1, 1, 5, 5)
    return lambda: layer(x)


@work("call")
def max_pool2d_tiny(torch):
    layer, x = torch.nn.MaxPool2d(2, 2), torch.ones(1, 1, 4, 4)
    return lambda: layer(x)


@work("call")
def cross_entropy_tiny(torch):
    criterion, x, y = torch.nn.CrossEntropyLoss(), torch.ones(2, 3, requires_grad=True), torch.zeros(2, dtype=torch.int64)
    return lambda: criterion(x, y)


@work("call")
def batch_norm_tiny(torch):
    layer, x = torch.nn.BatchNorm1d(3), torch.ones(4, 3)
    return lambda: layer(x)


@work("call")
def dropout_tiny(torch):
    layer, x = torch.nn.Dropout(), torch.ones(4)
    return lambda: layer(x)


def small_optimizer(torch, make):
    parameters = [torch.ones(4, requires_grad=True) for _ in range(4)]
    for p in parameters:
        p.grad = torch.ones(4)
    return make(parameters)


@work("call")
def sgd_step_4(torch):
    return small_optimizer(torch, lambda p: torch.optim.SGD(p, lr=1e-9, momentum=.9)).step


@work("call")
def adam_step_4(torch):
    return small_optimizer(torch, lambda p: torch.optim.Adam(p, lr=1e-9)).step


@work("call")
def zero_grad_4(torch):
    return small_optimizer(torch, lambda p: torch.optim.SGD(p, lr=1e-9)).zero_grad


@work("call")
def backward_chain_10(torch):
    x = torch.ones(4, requires_grad=True)

    def run():
        y = x
        for _ in range(10):
            y = y * y
        y.sum().backward()
    return run


# ---- large tensors ----

def matrix(torch, n):
    rows = {100000: 250, 1000000: 1000}[n]
    return torch.randn(rows, n // rows)


@work("large", (100000,), (1000000,))
def add(torch, n):
    a, b = torch.randn(n), torch.randn(n)
    return lambda: a + b


@work("large", (100000,), (1000000,))
def exp(torch, n):
    a = torch.randn(n)
    return lambda: torch.exp(a)


@work("large", (1000000,))
def log(torch, n):
    a = torch.rand(n) + .1
    return lambda: torch.log(a)


@work("large", (100000,), (1000000,))
def tanh(torch, n):
    a = torch.randn(n)
    return lambda: torch.tanh(a)


@work("large", (100000,), (1000000,))
def sum_(torch, n):
    a = torch.randn(n)
    return lambda: a.sum()


@work("large", (1000000,))
def sum_rows(torch, n):
    a = matrix(torch, n)
    return lambda: a.sum(1)


@work("large", (1000000,))
def sum_columns(torch, n):
    a = matrix(torch, n)
    return lambda: a.sum(0)


@work("large", (100000,), (1000000,))
def max_(torch, n):
    a = torch.randn(n)
    return lambda: a.max()


@work("large", (1000000,))
def max_rows(torch, n):
    a = matrix(torch, n)
    return lambda: torch.max(a, 1)


@work("large", (100000,), (1000000,))
def softmax(torch, n):
    a = matrix(torch, n)
    return lambda: torch.softmax(a, 1)


@work("large", (100000,), (1000000,))
def layer_norm(torch, n):
    a = matrix(torch, n)
    layer = torch.nn.LayerNorm(a.shape[1])
    for p in layer.parameters():
        p.requires_grad_(False)
    return lambda: layer(a)


@work("large", (100000,), (1000000,))
def transpose_copy(torch, n):
    a = matrix(torch, n)
    return lambda: a.t().contiguous()


@work("large", (100000,), (1000000,))
def cat(torch, n):
    parts = [torch.randn(n // 4) for _ in range(4)]
    return lambda: torch.cat(parts)


@work("large", (1000000,))
def cat_columns(torch, n):
    parts = [torch.randn(1000, 250) for _ in range(4)]
    return lambda: torch.cat(parts, 1)


@work("large", (5000, 64), (50000, 64))
def rows(torch, n, width):
    a, index = torch.randn(n, width), torch.randint(0, n, (n,))
    return lambda: a[index]


@work("large", (1000000,))
def mul_number(torch, n):
    a = torch.randn(n)
    return lambda: a * 1.5


@work("large", (1000000,))
def sigmoid(torch, n):
    a = torch.randn(n)
    return lambda: torch.sigmoid(a)


@work("large", (1000000,))
def gelu(torch, n):
    a = torch.randn(n)
    return lambda: torch.nn.functional.gelu(a)


@work("large", (1000000,))
def relu(torch, n):
    a = torch.randn(n)
    return lambda: torch.relu(a)


@work("large", (1000000,))
def add_row(torch, n):
    a, b = matrix(torch, n), torch.randn(1000)
    return lambda: a + b


@work("large", (1000000,))
def where(torch, n):
    a, b = torch.randn(n), torch.randn(n)
    mask = a > 0
    return lambda: torch.where(mask, a, b)


@work("large", (1000000,))
def greater(torch, n):
    a, b = torch.randn(n), torch.randn(n)
    return lambda: a > b


@work("large", (1000000,))
def max_columns(torch, n):
    a = matrix(torch, n)
    return lambda: torch.max(a, 0)


@work("large", (1000000,))
def var_rows(torch, n):
    a = matrix(torch, n)
    return lambda: a.var(1)


@work("large", (1000000,))
def norm(torch, n):
    a = torch.randn(n)
    return lambda: a.norm()


@work("large", (1000000,))
def log_softmax(torch, n):
    a = matrix(torch, n)
    return lambda: torch.log_softmax(a, 1)


@work("large", (1000000,))
def softmax_columns(torch, n):
    a = matrix(torch, n)
    return lambda: torch.softmax(a, 0)


@work("large", (1000000,))
def cumsum_rows(torch, n):
    a = matrix(torch, n)
    return lambda: torch.cumsum(a, 1)


@work("large", (32, 64, 1024))
def permute_copy(torch, a, b, c):
    x = torch.randn(a, b, c)
    return lambda: x.permute(0, 2, 1).contiguous()


@work("large", (1000, 1000))
def gather_rows(torch, n, width):
    a, index = torch.randn(n, width), torch.randint(0, width, (n, width))
    return lambda: torch.gather(a, 1, index)


@work("large", (1000, 1000))
def scatter_add_rows(torch, n, width):
    a, index, zero = torch.randn(n, width), torch.randint(0, width, (n, width)), torch.zeros(n, width)
    return lambda: zero.scatter_add(1, index, a)


@work("large", (1000, 1000))
def topk_rows(torch, n, width):
    a = torch.randn(n, width)
    return lambda: torch.topk(a, 10, 1)


@work("large", (1000, 1000))
def sort_rows(torch, n, width):
    a = torch.randn(n, width)
    return lambda: torch.sort(a, 1)


@work("large", (10000, 64, 8192))
def embedding(torch, n, width, count):
    table, index = torch.randn(n, width), torch.randint(0, n, (count,))
    return lambda: torch.nn.functional.embedding(index, table)


@work("large", (1000000,))
def dropout(torch, n):
    a = torch.randn(n)
    return lambda: torch.nn.functional.dropout(a, .5)


@work("large", (100000,), (1000000,))
def sort(torch, n):
    a = torch.randn(n)
    return lambda: torch.sort(a)


@work("large", (100000,), (1000000,))
def randn(torch, n):
    torch.manual_seed(0)
    return lambda: torch.randn(n)


@work("large", (256,), (1024,))
def mm(torch, n):
    a, b = torch.randn(n, n), torch.randn(n, n)
    return lambda: a @ b


# ---- backward: the gradient of one op alone, its forward pass done before ----

def gradient(torch, make, *inputs):
    """The call that takes make(*inputs)'s gradient with respect to every input; the graph is kept."""
    for x in inputs:
        x.requires_grad_(True)
    y = make(*inputs)
    upper = torch.randn(y.shape) if y.ndim else None
    return lambda: torch.autograd.grad(y, inputs, upper, retain_graph=True)


@work("backward", ("relu",), ("tanh",), ("sigmoid",), ("gelu",), ("silu",), ("exp",))
def backward(torch, name):
    a = torch.randn(1000000)
    return gradient(torch, getattr(torch, name, None) or getattr(torch.nn.functional, name), a)


@work("backward", (1000000,))
def softmax_backward(torch, n):
    return gradient(torch, lambda a: torch.softmax(a, 1), matrix(torch, n))


@work("backward", (1000000,))
def log_softmax_backward(torch, n):
    return gradient(torch, lambda a: torch.log_softmax(a, 1), matrix(torch, n))


@work("backward", (1000000,))
def layer_norm_backward(torch, n):
    a = matrix(torch, n)
    weight, bias = torch.ones(a.shape[1]), torch.zeros(a.shape[1])
    return gradient(torch, lambda a, w, b: torch.nn.functional.layer_norm(a, (a.shape[1],), w, b), a, weight, bias)


@work("backward", (1000000,))
def bias_backward(torch, n):
    a = matrix(torch, n)
    return gradient(torch, lambda a, b: a + b, a, torch.zeros(a.shape[1]))


@work("backward", (1000000,))
def scale_backward(torch, n):
    a = matrix(torch, n)
    return gradient(torch, lambda a, b: a * b, a, torch.ones(a.shape[1]))


@work("backward", (32, 64, 32))
def channel_bias_backward(torch, n, c, side):
    return gradient(torch, lambda a, b: a + b, torch.randn(n, c, side, side), torch.zeros(c, 1, 1))


@work("backward", (1000000,))
def sum_backward(torch, n):
    return gradient(torch, lambda a: a.sum(), torch.randn(n))


@work("backward", (1000000,))
def mean_rows_backward(torch, n):
    return gradient(torch, lambda a: a.mean(1), matrix(torch, n))


@work("backward", (10000, 64, 8192))
def embedding_backward(torch, n, width, count):
    index = torch.randint(0, n, (count,))
    return gradient(torch, lambda t: torch.nn.functional.embedding(index, t), torch.randn(n, width))


@work("backward", (50000, 64))
def rows_backward(torch, n, width):
    index = torch.randint(0, n, (n,))
    return gradient(torch, lambda a: a[index], torch.randn(n, width))


@work("backward", (1000000,))
def cat_backward(torch, n):
    return gradient(torch, lambda a, b: torch.cat([a, b]), torch.randn(n // 2), torch.randn(n // 2))


@work("backward", (1000000,))
def dropout_backward(torch, n):
    return gradient(torch, lambda a: torch.nn.functional.dropout(a, .5), torch.randn(n))


def batch_norm_of(torch, n, c, side):
    layer = torch.nn.BatchNorm2d(c)
    return layer, torch.randn(n, c, side, side)


@work("backward", (32, 64, 32), (32, 512, 4))
def batch_norm(torch, n, c, side):
    layer, x = batch_norm_of(torch, n, c, side)
    return lambda: layer(x)


@work("backward", (32, 64, 32))
def batch_norm_eval(torch, n, c, side):
    layer, x = batch_norm_of(torch, n, c, side)
    layer.eval()
    for p in layer.parameters():
        p.requires_grad_(False)
    return lambda: layer(x)


@work("backward", (32, 64, 32), (32, 512, 4))
def batch_norm_backward(torch, n, c, side):
    layer, x = batch_norm_of(torch, n, c, side)
    return gradient(torch, lambda x, w, b: torch.nn.functional.batch_norm(x, None, None, w, b, True), x,
                    torch.ones(c), torch.zeros(c))


@work("backward", (1000, 1000))
def cross_entropy(torch, n, classes):
    a, y = torch.randn(n, classes), torch.randint(0, classes, (n,))
    return lambda: torch.nn.functional.cross_entropy(a, y)


@work("backward", (1000, 1000))
def cross_entropy_backward(torch, n, classes):
    y = torch.randint(0, classes, (n,))
    return gradient(torch, lambda a: torch.nn.functional.cross_entropy(a, y), torch.randn(n, classes))


@work("backward", ("binary_cross_entropy",), ("binary_cross_entropy_with_logits",), ("mse_loss",), ("smooth_l1_loss",))
def loss(torch, name):
    a, y = torch.rand(1000000), torch.rand(1000000)
    return lambda: getattr(torch.nn.functional, name)(a, y)


@work("backward", ("binary_cross_entropy",), ("binary_cross_entropy_with_logits",), ("mse_loss",), ("smooth_l1_loss",))
def loss_backward(torch, name):
    y = torch.rand(1000000)
    return gradient(torch, lambda a: getattr(torch.nn.functional, name)(a, y), torch.rand(1000000))
