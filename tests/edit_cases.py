"""Cases of the edits for causes beyond the training step, as ``tests/test_fix_edits.py`` runs them.

(edit, arguments, source, expected); expected None: no safe edit.
"""

from __future__ import annotations

from typing import Any

LOSS = {"line": "loss = ", "function": "loss"}
HEAD = "import torch\nfrom torch import nn\n"
MODULE = HEAD + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"

CASES: dict[str, tuple[str, dict[str, Any], str, str | None]] = {
    # change-operand
    "labels as whole numbers": (
        "change-operand",
        {**LOSS, "operand": "target", "how": "{}.long()"},
        "loss = criterion(out, y)  # classes\n",
        "loss = criterion(out, y.long())  # classes\n",
    ),
    "a target by keyword": (
        "change-operand",
        {**LOSS, "operand": "target", "how": "{}.float()"},
        "loss = F.mse_loss(input=out, target=y.unsqueeze(1))\n",
        "loss = F.mse_loss(input=out, target=y.unsqueeze(1).float())\n",
    ),
    "a computed operand gets parentheses": (
        "change-operand",
        {**LOSS, "operand": "input", "how": "{}.transpose(1, 2)"},
        "loss = F.cross_entropy(a + b, y)\n",
        "loss = F.cross_entropy((a + b).transpose(1, 2), y)\n",
    ),
    "labels counted from 1": (
        "change-operand",
        {**LOSS, "operand": "target", "how": "{} - 1"},
        "loss = criterion(model(x), batch['label'])\n",
        "loss = criterion(model(x), batch['label'] - 1)\n",
    ),
    "two losses on a line": (
        "change-operand",
        {**LOSS, "operand": "target", "how": "{}.long()"},
        "loss = criterion(a, y) + criterion(b, z)\n",
        None,
    ),
    "a loss for each sample": (
        "change-operand",
        {"line": "backward", "function": "backward", "operand": 0, "how": "{}.mean()"},
        "loss.backward()\n",
        "loss.mean().backward()\n",
    ),
    "every logarithm of a line": (
        "change-operand",
        {"line": "log", "function": "log", "operand": 0, "how": "{}.clamp(min=1e-7)", "all": True},
        "e = -(t * torch.log(p) + (1 - t) * (1 - p).log()).mean()\n",
        "e = -(t * torch.log(p.clamp(min=1e-7)) + (1 - t) * (1 - p).clamp(min=1e-7).log()).mean()\n",
    ),
    "a logarithm of another library": (
        "change-operand",
        {"line": "log", "function": "log", "operand": 0, "how": "{}.clamp(min=1e-7)"},
        "d = logger.info(p)\n",
        None,
    ),
    "a divisor": (
        "change-operand",
        {"line": "norm", "function": "div", "operand": 1, "how": "{} + 1e-8"},
        "u = x / x.norm(dim=1, keepdim=True)\n",
        "u = x / (x.norm(dim=1, keepdim=True) + 1e-8)\n",
    ),
    "a square root as a power": (
        "change-operand",
        {"line": "**", "function": "pow", "operand": 0, "how": "{} + 1e-8"},
        "d = ((a - b) ** 0.5).mean()\n",
        "d = (((a - b) + 1e-8) ** 0.5).mean()\n",
    ),
    "channels first for a layer": (
        "change-operand",
        {"line": "conv(x)", "function": "module", "operand": 0, "how": "{}.permute(0, 3, 1, 2)"},
        MODULE + "        self.conv = nn.Conv2d(3, 8, 3)\n    def forward(self, x):\n        return self.conv(x)\n",
        MODULE
        + "        self.conv = nn.Conv2d(3, 8, 3)\n    def forward(self, x):\n"
        + "        return self.conv(x.permute(0, 3, 1, 2))\n",
    ),
    "the model of a script": (
        "change-operand",
        {"line": "net(x)", "function": "module", "operand": 0, "how": "{}.unsqueeze(1)"},
        "net = nn.Sequential(nn.Conv2d(1, 8, 3))\nout = net(x)\n",
        "net = nn.Sequential(nn.Conv2d(1, 8, 3))\nout = net(x.unsqueeze(1))\n",
    ),
    # set-in-features
    "the inputs of a layer, in one of several spellings": (
        "set-in-features",
        {"size": 256, "out": 60, "value": 144},
        "SIDE = 4\nfc1 = nn.Linear(16 * SIDE ** 2, 60)  # after pooling\nfc2 = nn.Linear(60, 10)\n",
        "SIDE = 4\nfc1 = nn.Linear(144, 60)  # after pooling\nfc2 = nn.Linear(60, 10)\n",
    ),
    "two layers of that size": (
        "set-in-features",
        {"size": 256, "out": 60, "value": 144},
        "a = nn.Linear(256, 60)\nb = nn.Linear(256, 60)\n",
        None,
    ),
    "a size that an argument decides": (
        "set-in-features",
        {"size": 256, "out": 60, "value": 144},
        "def make(n):\n    return nn.Linear(n, 60)\n",
        None,
    ),
    # widen-embedding
    "a row for the last word": (
        "widen-embedding",
        {},
        "emb = nn.Embedding(len(vocab), 32, padding_idx=0)\n",
        "emb = nn.Embedding(len(vocab) + 1, 32, padding_idx=0)\n",
    ),
    "two tables": ("widen-embedding", {}, "a = nn.Embedding(n, 8)\nb = nn.Embedding(m, 8)\n", None),
    # cast-data
    "arrays in double precision": (
        "cast-data",
        {"names": ["X", "y"]},
        "X, y = torch.from_numpy(a), torch.tensor(b).unsqueeze(1)\nz = torch.from_numpy(c)\n",
        "X, y = torch.from_numpy(a).float(), torch.tensor(b).float().unsqueeze(1)\nz = torch.from_numpy(c)\n",
    ),
    "an array whose dtype was chosen": (
        "cast-data",
        {"names": ["X"]},
        "X = torch.tensor(a, dtype=torch.float64)\n",
        None,
    ),
    # set-loader-arg, borrow-collate
    "no last batch of one": (
        "set-loader-arg",
        {"arg": "drop_last", "value": True},
        "test = DataLoader(b, batch_size=9)\ntrain = DataLoader(a, batch_size=9)\n"
        "for i, (x, y) in enumerate(train):\n    f(x, y).backward()\n",
        "test = DataLoader(b, batch_size=9)\ntrain = DataLoader(a, batch_size=9, drop_last=True)\n"
        "for i, (x, y) in enumerate(train):\n    f(x, y).backward()\n",
    ),
    "a loader that is built in the loop's head": (
        "set-loader-arg",
        {"arg": "drop_last", "value": True},
        "for x, y in tqdm(DataLoader(a, 9, drop_last=False)):\n    f(x, y).backward()\n",
        "for x, y in tqdm(DataLoader(a, 9, drop_last=True)):\n    f(x, y).backward()\n",
    ),
    "batches of the user's own making": (
        "set-loader-arg",
        {"arg": "drop_last", "value": True},
        "for x, y in batches(a):\n    f(x, y).backward()\n",
        None,
    ),
    "the collate function of the other loader": (
        "borrow-collate",
        {},
        "train = DataLoader(a, 9, shuffle=True)\ntest = DataLoader(b, 9, collate_fn=pad)\n"
        "for x, y in train:\n    f(x, y).backward()\n",
        "train = DataLoader(a, 9, shuffle=True, collate_fn=pad)\ntest = DataLoader(b, 9, collate_fn=pad)\n"
        "for x, y in train:\n    f(x, y).backward()\n",
    ),
    "no collate function in sight": (
        "borrow-collate",
        {},
        "train = DataLoader(a, 9)\nfor x, y in train:\n    f(x, y).backward()\n",
        None,
    ),
    # drop-repeated
    "unscaled here and in a helper": (
        "drop-repeated",
        {"function": "unscale_"},
        "def clip(opt):\n    scaler.unscale_(opt)\n    norm(opt)\nfor x in dl:\n"
        "    scaler.unscale_(opt)\n    clip(opt)\n",
        "def clip(opt):\n    scaler.unscale_(opt)\n    norm(opt)\nfor x in dl:\n    clip(opt)\n",
    ),
    "unscaled in two branches": (
        "drop-repeated",
        {"function": "unscale_"},
        "if a:\n    scaler.unscale_(opt)\nelse:\n    scaler.unscale_(opt)\n",
        None,
    ),
    # detach-state
    "a state that goes on": (
        "detach-state",
        {"line": "backward"},
        "model = nn.Sequential(cell)\nfor x, y in dl:\n    out, h = model(x, h)\n    loss = f(out, y)\n"
        "    loss.backward()\n    opt.step()\n    print(loss)\n",
        "model = nn.Sequential(cell)\nfor x, y in dl:\n    out, h = model(x, h)\n    loss = f(out, y)\n"
        "    loss.backward()\n    opt.step()\n    h = h.detach()\n    print(loss)\n",
    ),
    "the pair of an LSTM, and a graph that was kept": (
        "detach-state",
        {"line": "backward"},
        "model = nn.Sequential(nn.LSTM(2, 2))\nfor x, y in dl:\n    out, state = model(x, state)\n"
        "    f(out, y).backward(retain_graph=True)\n",
        "model = nn.Sequential(nn.LSTM(2, 2))\nfor x, y in dl:\n    out, state = model(x, state)\n"
        "    f(out, y).backward()\n    state = tuple(part.detach() for part in state)\n",
    ),
    "a result that was dropped": (
        "detach-state",
        {"line": "backward"},
        "for x, y in dl:\n    h.detach()  # cut\n    out, h = net(x, h)\n    f(out, y).backward()\n",
        "for x, y in dl:\n    h = h.detach()  # cut\n    out, h = net(x, h)\n    f(out, y).backward()\n",
    ),
    "nothing is carried on": (
        "detach-state",
        {"line": "backward"},
        "for x, y in dl:\n    loss = f(model(x), y)\n    loss.backward()\n",
        None,
    ),
    # out-of-place
    "an addition in forward": (
        "out-of-place",
        {},
        MODULE
        + "        self.c = nn.Linear(2, 2)\n    def forward(self, x):\n        x += self.c(x)\n        return x\n",
        MODULE
        + "        self.c = nn.Linear(2, 2)\n    def forward(self, x):\n        x = x + self.c(x)\n        return x\n",
    ),
    "an image of a data set": (
        "out-of-place",
        {"line": "x -="},
        "def __getitem__(self, i):\n    x = self.images[i]\n    x -= self.mean\n    x /= a + b\n    return x\n",
        "def __getitem__(self, i):\n    x = self.images[i]\n    x = x - self.mean\n    x = x / (a + b)\n    return x\n",
    ),
    "a list that a class keeps": (
        "out-of-place",
        {"line": "self.rows"},
        "def add(self, r):\n    self.rows += r\n",
        None,
    ),
    # reset-init
    "weights drawn too large": (
        "reset-init",
        {"what": "weight"},
        HEAD + "for m in net:\n    nn.init.normal_(m.weight, 0.0, 1.0)  # N(0, 1)\n",
        HEAD + "for m in net:\n    nn.init.xavier_uniform_(m.weight)  # N(0, 1)\n",
    ),
    "weights filled by a method": (
        "reset-init",
        {"what": "weight"},
        HEAD + "def init(m):\n    m.weight.data.fill_(0.01)\n    m.bias.data.fill_(0.01)\n",
        HEAD + "def init(m):\n    nn.init.xavier_uniform_(m.weight)\n    m.bias.data.fill_(0.01)\n",
    ),
    "biases far below zero": (
        "reset-init",
        {"what": "bias"},
        HEAD + "from torch.nn import init\ninit.kaiming_normal_(m.weight)\ninit.constant_(m.bias, -10.0)\n",
        HEAD + "from torch.nn import init\ninit.kaiming_normal_(m.weight)\ninit.zeros_(m.bias)\n",
    ),
    "layers filled in different ways": (
        "reset-init",
        {"what": "weight"},
        HEAD + "nn.init.normal_(a.weight, 0, 1)\nnn.init.normal_(b.weight, 0, 0.01)\n",
        None,
    ),
    # drop-call-arg
    "statistics at the usual pace": (
        "drop-call-arg",
        {"functions": ["BatchNorm1d"], "arg": "momentum"},
        "n = nn.Sequential(nn.BatchNorm1d(8, momentum=1e-3), nn.BatchNorm1d(8, momentum=M, eps=1e-4))\n",
        "n = nn.Sequential(nn.BatchNorm1d(8), nn.BatchNorm1d(8, eps=1e-4))\n",
    ),
    "an argument that comes through a dictionary": (
        "drop-call-arg",
        {"functions": ["BatchNorm1d"], "arg": "momentum"},
        "n = nn.BatchNorm1d(8, **options)\n",
        None,
    ),
    # use-output
    "an output that nobody reads": (
        "use-output",
        {"line": "loss = "},
        "for x, y in dl:\n    out = model(x)\n    loss = criterion(x, y)\n    loss.backward()\n",
        "for x, y in dl:\n    out = model(x)\n    loss = criterion(out, y)\n    loss.backward()\n",
    ),
    "inside an expression": (
        "use-output",
        {"line": "loss = "},
        "T = 2.0\nstudent = nn.Linear(2, 2)\nfor x in dl:\n    t = teacher(x)\n    s = student(x)\n"
        "    loss = F.kl_div(F.log_softmax(t / T, 1), F.softmax(t / T, 1))\n",
        "T = 2.0\nstudent = nn.Linear(2, 2)\nfor x in dl:\n    t = teacher(x)\n    s = student(x)\n"
        "    loss = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1))\n",
    ),
    "an output that is read elsewhere": (
        "use-output",
        {"line": "loss = "},
        "for x, y in dl:\n    out = model(x)\n    print(out)\n    loss = criterion(x, y)\n",
        None,
    ),
    # unfreeze
    "parameters that were switched off": (
        "unfreeze",
        {"line": "requires_grad"},
        "for p in net.parameters():\n    p.requires_grad = False\n",
        "for p in net.parameters():\n    p.requires_grad = True\n",
    ),
    "a module that was switched off": (
        "unfreeze",
        {"line": "requires_grad"},
        "net.head.requires_grad_(False)\n",
        "net.head.requires_grad_(True)\n",
    ),
    "a line that freezes nothing": ("unfreeze", {"line": "freeze"}, "freeze(net)\n", None),
    # insert-clip
    "clipped between backward and step": (
        "insert-clip",
        {"step_line": "step", "max_norm": 1},
        HEAD + "opt = SGD(net.parameters(), lr=1)\nfor x in dl:\n    f(x).backward()\n    opt.step()\n",
        HEAD
        + "opt = SGD(net.parameters(), lr=1)\nfor x in dl:\n    f(x).backward()\n"
        + "    nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n    opt.step()\n",
    ),
    "an optimizer that a function is given": (
        "insert-clip",
        {"step_line": "step", "max_norm": 0.5},
        HEAD + "def train(opt, loss):\n    loss.backward()\n    opt.step()\n",
        HEAD
        + "def train(opt, loss):\n    loss.backward()\n    nn.utils.clip_grad_norm_("
        + '[p for group in opt.param_groups for p in group["params"]], 0.5)\n    opt.step()\n',
    ),
    "scaled gradients": (
        "insert-clip",
        {"step_line": "step", "max_norm": 1},
        HEAD + "scaler = GradScaler()\nscaler.scale(loss).backward()\nscaler.step(opt)\n",
        None,
    ),
    # drop-no-grad
    "a decorated prediction": (
        "drop-no-grad",
        {"line": "return"},
        "class R:\n    @torch.no_grad()\n    def predict(self, x):\n        return self.net(x)\n"
        "    def step(self, x):\n        loss = f(self.predict(x))\n        loss.requires_grad = True\n"
        "        loss.backward()\n",
        "class R:\n    def predict(self, x):\n        return self.net(x)\n"
        "    def step(self, x):\n        loss = f(self.predict(x))\n        loss.backward()\n",
    ),
    "a block without gradients": (
        "drop-no-grad",
        {"line": "out ="},
        "for x, y in dl:\n    with torch.no_grad():\n        out = model(x)\n        # the target\n"
        "        loss = f(out, y)\n    loss.requires_grad_()\n    loss.backward()\n",
        "for x, y in dl:\n    out = model(x)\n    # the target\n    loss = f(out, y)\n    loss.backward()\n",
    ),
    "gradients that nothing switches off": ("drop-no-grad", {"line": "out"}, "out = model(x)\n", None),
    # fit-state
    "names behind a prefix": (
        "fit-state",
        {"line": "load_state", "missing": "conv.weight", "unexpected": "module.conv.weight"},
        'net.load_state_dict(torch.load(path), strict=False)\nprint("loaded")\n',
        'net.load_state_dict({name.removeprefix("module."): value for name, value in torch.load(path).items()}, '
        'strict=False)\nprint("loaded")\n',
    ),
    "a state one level deeper": (
        "fit-state",
        {"line": "load_state", "missing": "conv.weight", "unexpected": "epoch"},
        'torch.save({"epoch": 3, "net": a.state_dict(), "opt": optim.state_dict()}, path)\n'
        "b.load_state_dict(state, strict=False)\n",
        'torch.save({"epoch": 3, "net": a.state_dict(), "opt": optim.state_dict()}, path)\n'
        'b.load_state_dict(state["net"], strict=False)\n',
    ),
    "names of another model": (
        "fit-state",
        {"line": "load_state", "missing": "conv.weight", "unexpected": "layer1.weight"},
        "net.load_state_dict(torch.load(path), strict=False)\n",
        None,
    ),
    # mirror-scaling
    "the same numbers for held-out data": (
        "mirror-scaling",
        {"train_line": "loss = ", "eval_line": "out = "},
        "mean, std = a.mean(0), a.std(0)\na = (a - mean) / std\nfor i in idx:\n    loss = f(model(a[i]), y[i])\n"
        "out = model(b)\n",
        None,
    ),
    "the same scaler for held-out data": (
        "mirror-scaling",
        {"train_line": "loss = ", "eval_line": "out = "},
        "a, b = torch.tensor(u), torch.tensor(v)\na = scaler.fit_transform(a)\nfor i in idx:\n"
        "    loss = f(model(a[i]), y[i])\nout = model(b)\n",
        "a, b = torch.tensor(u), torch.tensor(v)\na = scaler.fit_transform(a)\nb = scaler.transform(b)\nfor i in idx:\n"
        "    loss = f(model(a[i]), y[i])\nout = model(b)\n",
    ),
    # insert-relu, swap-activation
    "layers of a Sequential": (
        "insert-relu",
        {"line": "Linear(2"},
        HEAD
        + "net = nn.Sequential(\n    nn.Linear(2, 8),  # first\n    nn.Linear(8, 8),\n    nn.Tanh(),\n"
        + "    nn.Linear(8, 2),\n)\n",
        HEAD
        + "net = nn.Sequential(\n    nn.Linear(2, 8), nn.ReLU(),  # first\n    nn.Linear(8, 8),\n    nn.Tanh(),\n"
        + "    nn.Linear(8, 2),\n)\n",
    ),
    "layers that a class calls": (
        "insert-relu",
        {"line": "self.a ="},
        MODULE
        + "        self.a = nn.Linear(2, 8)\n        self.b = nn.Linear(8, 2)\n"
        + "    def forward(self, x):\n        return self.b(self.a(x))\n",
        MODULE
        + "        self.a = nn.Linear(2, 8)\n        self.b = nn.Linear(8, 2)\n"
        + "    def forward(self, x):\n        return self.b(nn.functional.relu(self.a(x)))\n",
    ),
    "layers whose outputs are added": (
        "insert-relu",
        {"line": "self.a ="},
        MODULE
        + "        self.a = nn.Linear(2, 8)\n        self.b = nn.Linear(2, 8)\n"
        + "    def forward(self, x):\n        return self.b(x) + self.a(x)\n",
        None,
    ),
    "sigmoids of the hidden layers": (
        "swap-activation",
        {"name": "sigmoid", "to": "relu", "line": "sigmoid"},
        "x = torch.sigmoid(a(x))  # sigmoid\n",
        "x = torch.relu(a(x))  # sigmoid\n",
    ),
    "sigmoids of a Sequential": (
        "swap-activation",
        {"name": "sigmoid", "to": "relu", "line": "Sequential"},
        "net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())\n",
        "net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())\n",
    ),
    "a sigmoid under a name of its own": (
        "swap-activation",
        {"name": "sigmoid", "to": "relu", "line": "squash"},
        "x = squash(a(x))\n",
        None,
    ),
    # move-axes
    "a view that should move": (
        "move-axes",
        {"line": "view", "how": ".transpose(0, 1)"},
        "rows = rows.view(8, n, 8)  # time first\n",
        "rows = rows.transpose(0, 1)  # time first\n",
    ),
    "two views on a line": (
        "move-axes",
        {"line": "view", "how": ".transpose(0, 1)"},
        "rows = a.view(8, n) + b.view(8, n)\n",
        None,
    ),
    # more-epochs
    "a number of epochs in a constant": (
        "more-epochs",
        {"step_line": "step", "factor": 5},
        "EPOCHS = 4\nfor e in range(EPOCHS):\n    for x in dl:\n        opt.step()\n",
        "EPOCHS = 20\nfor e in range(EPOCHS):\n    for x in dl:\n        opt.step()\n",
    ),
    "a number of epochs in a configuration": (
        "more-epochs",
        {"step_line": "step", "factor": 5},
        'cfg = {"epochs": 2}\ndef fit(cfg):\n    for e in range(cfg["epochs"]):\n        opt.step()\nfit(cfg)\n',
        'cfg = {"epochs": 10}\ndef fit(cfg):\n    for e in range(cfg["epochs"]):\n        opt.step()\nfit(cfg)\n',
    ),
    "a loop without a number": (
        "more-epochs",
        {"step_line": "step", "factor": 5},
        "while True:\n    opt.step()\n",
        None,
    ),
    # layer-into-init
    "a layer of every call": (
        "layer-into-init",
        {"line": "nn.Linear(4"},
        MODULE + "    def forward(self, x):\n        return nn.Linear(4, 2)(x)\n",
        MODULE + "        self.linear = nn.Linear(4, 2)\n    def forward(self, x):\n        return self.linear(x)\n",
    ),
    "a layer whose size the input decides": (
        "layer-into-init",
        {"line": "fc ="},
        MODULE + "    def forward(self, x):\n        fc = nn.Linear(x.size(1), 2, bias=False)\n        return fc(x)\n",
        MODULE
        + "        self.fc = nn.LazyLinear(2, bias=False)\n    def forward(self, x):\n        return self.fc(x)\n",
    ),
    "a norm whose size the input decides": (
        "layer-into-init",
        {"line": "LayerNorm"},
        MODULE + "    def forward(self, x):\n        return nn.LayerNorm(x.size(1))(x)\n",
        None,
    ),
    # standardise-targets
    "targets that only losses and their variance read": (
        "standardise-targets",
        {"line": "loss = "},
        "y = torch.tensor(t)\nfor i in idx:\n    loss = mse_loss(model(x[i]), y[i])\n"
        "r2 = 1 - mse_loss(model(x), y) / y.var()\n",
        "y = torch.tensor(t)\ny = (y - y.mean()) / y.std()\nfor i in idx:\n    loss = mse_loss(model(x[i]), y[i])\n"
        "r2 = 1 - mse_loss(model(x), y) / y.var()\n",
    ),
    "an error in the unit of the targets": (
        "standardise-targets",
        {"line": "loss = "},
        "y = torch.tensor(t)\nfor i in idx:\n    loss = mse_loss(model(x[i]), y[i])\n"
        "print((model(x) - y).abs().mean())\n",
        None,
    ),
    # drop-nonfinite-rows, mask-targets
    "rows of one table": (
        "drop-nonfinite-rows",
        {"line": "loss = ", "loss_line": "loss = "},
        "data = torch.tensor(table)\nfor i in idx:\n    loss = mse_loss(model(data[i, :5]), data[i, 5:])\n",
        "data = torch.tensor(table)\ndata = data[torch.isfinite(data).all(1)]\nfor i in idx:\n"
        "    loss = mse_loss(model(data[i, :5]), data[i, 5:])\n",
    ),
    "inputs and targets in two tables": (
        "drop-nonfinite-rows",
        {"line": "loss = ", "loss_line": "loss = "},
        "x = torch.tensor(a)\ny = torch.tensor(b)\nfor i in idx:\n    loss = mse_loss(model(x[i]), y[i])\n",
        None,
    ),
    "targets with gaps": (
        "mask-targets",
        {"line": "loss = "},
        "loss = F.mse_loss(out, depth[i])\n",
        "valid = torch.isfinite(depth[i])\nloss = F.mse_loss(out[valid], depth[i][valid])\n",
    ),
    "a difference without a name": ("mask-targets", {"line": "loss = "}, "loss = F.mse_loss(a + b, y)\n", None),
    # mend-comparison
    "an argmax over everything": (
        "mend-comparison",
        {"line": "==", "kind": "single", "side": "labels"},
        "pred = torch.argmax(model(x))\nright = (pred == y).sum()\n",
        "pred = torch.argmax(model(x), dim=1)\nright = (pred == y).sum()\n",
    ),
    "a column against a row": (
        "mend-comparison",
        {"line": "eq(", "kind": "outer", "side": "predictions"},
        "right = pred.eq(y).sum()\n",
        "right = pred.squeeze(1).eq(y).sum()\n",
    ),
    "rounded logits": (
        "mend-comparison",
        {"line": "==", "kind": "threshold", "side": "labels"},
        "right = (out.round() == y).sum()\n",
        "right = ((out > 0).float() == y).sum()\n",
    ),
    "logits above one half": (
        "mend-comparison",
        {"line": ">", "kind": "threshold", "side": "labels"},
        "pred = (out > 0.5).float()\n",
        "pred = (out > 0).float()\n",
    ),
    "two comparisons": (
        "mend-comparison",
        {"line": "==", "kind": "outer", "side": "predictions"},
        "right = (a == y).sum() + (b == z).sum()\n",
        None,
    ),
    # hoist-out-of-loops
    "a model that a function builds for each epoch": (
        "hoist-out-of-loops",
        {"line": "Sequential"},
        "def build():\n    net = nn.Sequential(nn.Linear(2, 2))\n    return net, SGD(net.parameters())\n"
        "for e in range(9):\n    net, opt = build()  # fresh\n    train(net, opt)\n",
        "def build():\n    net = nn.Sequential(nn.Linear(2, 2))\n    return net, SGD(net.parameters())\n"
        "net, opt = build()  # fresh\nfor e in range(9):\n    train(net, opt)\n",
    ),
    # negate-loss, follow-mode, invert-weights
    "a likelihood that has to grow": (
        "negate-loss",
        {"line": "backward"},
        "for x, y in dl:\n    loss = likelihood(net(x), y)\n    loss.backward()\n",
        "for x, y in dl:\n    loss = -likelihood(net(x), y)\n    loss.backward()\n",
    ),
    "a likelihood without a name": ("negate-loss", {"line": "backward"}, "likelihood(net(x), y).backward()\n", None),
    "dropout in training alone": (
        "follow-mode",
        {"line": "F.dropout", "function": "dropout"},
        MODULE + "    def forward(self, x):\n        return F.dropout(x, 0.5)\n",
        MODULE + "    def forward(self, x):\n        return F.dropout(x, 0.5, training=self.training)\n",
    ),
    "dropout outside of a module": (
        "follow-mode",
        {"line": "F.dropout", "function": "dropout"},
        "def noisy(x):\n    return F.dropout(x, 0.5)\n",
        None,
    ),
    "weights that rise with the frequency": (
        "invert-weights",
        {"arg": "weight"},
        "w = counts / counts.sum()\ncrit = nn.CrossEntropyLoss(weight=w)\n",
        "w = counts / counts.sum()\ncrit = nn.CrossEntropyLoss(weight=1 / w)\n",
    ),
    "weights of two losses": (
        "invert-weights",
        {"arg": "weight"},
        "a = nn.CrossEntropyLoss(weight=w)\nb = nn.CrossEntropyLoss(weight=v)\n",
        None,
    ),
    # swap-function
    "a softmax over one output": (
        "swap-function",
        {"line": "F.softmax", "function": "softmax", "to": "sigmoid"},
        "p = torch.softmax(z, dim=1)  # F.softmax\n",
        "p = torch.sigmoid(z)  # F.softmax\n",
    ),
    # one-sigmoid
    "a sigmoid that nothing else wants": (
        "one-sigmoid",
        {"line": "p = ", "loss_line": "loss = "},
        "crit = nn.BCEWithLogitsLoss()\np = torch.sigmoid(z)\nloss = crit(p, y)\n",
        "crit = nn.BCEWithLogitsLoss()\np = z\nloss = crit(p, y)\n",
    ),
    "a sigmoid whose probabilities are evaluated": (
        "one-sigmoid",
        {"line": "p = ", "loss_line": "loss = "},
        "crit = nn.BCEWithLogitsLoss()\np = torch.sigmoid(z)\nloss = crit(p, y)\nheld = F.binary_cross_entropy(p, y)\n",
        "crit = nn.BCELoss()\np = torch.sigmoid(z)\nloss = crit(p, y)\nheld = F.binary_cross_entropy(p, y)\n",
    ),
    "a sigmoid beside another one for the evaluation": (
        "one-sigmoid",
        {"line": "head = ", "loss_line": "loss = "},
        "head = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())\nloss = F.binary_cross_entropy_with_logits(head(x), y)\n"
        "p = torch.sigmoid(head(x))\nheld = F.binary_cross_entropy(p, y)\n",
        "head = nn.Sequential(nn.Linear(8, 1))\nloss = F.binary_cross_entropy_with_logits(head(x), y)\n"
        "p = torch.sigmoid(head(x))\nheld = F.binary_cross_entropy(p, y)\n",
    ),
    "squared error of one-hot labels": (
        "swap-function",
        {"line": "loss = ", "function": "mse_loss", "to": "cross_entropy"},
        "crit = nn.MSELoss()\nloss = crit(z, onehot)\n",
        "crit = nn.CrossEntropyLoss()\nloss = crit(z, onehot)\n",
    ),
}
