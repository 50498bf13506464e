"""Every kind of edit on small sources: what comes out, and that nothing else changes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import edit_cases
import pytest

from sgd_doctor.findings import Edit
from sgd_doctor.fix import EDITS, edit_source, unified_diff

LR = {"arg": "lr", "value": 0.003}

# (edit, arguments, source, expected); expected None: no safe edit.  An argument that ends in "line"
# may be given as text: it stands for the first line that holds it.
CASES: dict[str, tuple[str, dict[str, Any], str, str | None]] = {
    # move-step-inside, hoist-out-of-loops, divide-loss, drop-cut
    "a step for each batch": (
        "move-step-inside",
        {"step_line": "opt.step", "backward_line": "backward"},
        "for e in range(9):\n    for x, y in dl:\n        opt.zero_grad()\n        loss = f(x, y)\n"
        "        loss.backward()\n    opt.step()\n    print(e)\n",
        "for e in range(9):\n    for x, y in dl:\n        opt.zero_grad()\n        loss = f(x, y)\n"
        "        loss.backward()\n        opt.step()\n    print(e)\n",
    ),
    "a step that is inside already": (
        "move-step-inside",
        {"step_line": "opt.step", "backward_line": "backward"},
        "for x, y in dl:\n    loss = f(x, y)\n    loss.backward()\n    opt.step()\n",
        None,
    ),
    "an optimizer for the whole training": (
        "hoist-out-of-loops",
        {"line": "Adam"},
        "def fit(net):\n    for e in range(9):\n        opt = optim.Adam(net.parameters())\n        for x in dl:\n"
        "            opt.step()\n",
        "def fit(net):\n    opt = optim.Adam(net.parameters())\n    for e in range(9):\n        for x in dl:\n"
        "            opt.step()\n",
    ),
    "an optimizer whose rate the loop decides": (
        "hoist-out-of-loops",
        {"line": "Adam"},
        "for lr in rates:\n    opt = optim.Adam(net.parameters(), lr=lr)\n    run(opt)\n",
        None,
    ),
    "a model for each fold": (
        "hoist-out-of-loops",
        {"line": "SGD"},
        "for fold in folds:\n    net = build()\n    opt = SGD(net.parameters())\n    run(opt)\n",
        None,
    ),
    "the loss of several batches": (
        "divide-loss",
        {"line": "backward", "count": 4},
        "loss = f(x)\nloss.backward()  # adds up\n",
        "loss = f(x)\n(loss / 4).backward()  # adds up\n",
    ),
    "a call that cuts the graph": (
        "drop-cut",
        {"line": 1, "name": "detach"},
        "loss = f(net(x).detach(), y)\n",
        "loss = f(net(x), y)\n",
    ),
    "an attribute that cuts the graph": (
        "drop-cut",
        {"line": 1, "name": "data"},
        "out = net(x).data\n",
        "out = net(x)\n",
    ),
    "a loss with the wrong sign": (
        "drop-minus",
        {"line": 1},
        "loss = -F.cross_entropy(net(x[:-1]), y)\n",
        "loss = F.cross_entropy(net(x[:-1]), y)\n",
    ),
    "two signs": (
        "drop-minus",
        {"line": 1},
        "loss = -f(-x)\n",
        None,
    ),
    "a tiny limit": (
        "set-call-arg",
        {"line": 1, "function": "clip_grad_norm_", "arg": "max_norm", "value": 2.0},
        "nn.utils.clip_grad_norm_(net.parameters(), 1e-5)\n",
        "nn.utils.clip_grad_norm_(net.parameters(), 2.0)\n",
    ),
    "a loss function of one's own, called for other shapes as well": (
        "reshape-target",
        {"line": 2, "how": "unsqueeze", "side": "right"},
        "def mse(a, b):\n    return ((a - b) ** 2).mean()\n",
        "def mse(a, b):\n    return ((a - b.reshape_as(a)) ** 2).mean()\n",
    ),
    "a sigmoid that another loss needs": (
        "drop-activation",
        {"line": 1, "name": "sigmoid"},
        "out = torch.sigmoid(net(x))\nloss = F.binary_cross_entropy_with_logits(out, y)\n"
        "held = F.binary_cross_entropy(out, w)\n",
        None,
    ),
    # swap-function
    "another loss function": (
        "swap-function",
        {"line": 1, "function": "nll_loss", "to": "cross_entropy"},
        "loss = F.nll_loss(net(x), y, weight=w)  # here\n",
        "loss = F.cross_entropy(net(x), y, weight=w)  # here\n",
    ),
    "another loss module": (
        "swap-function",
        {"line": 3, "function": "nll_loss", "to": "cross_entropy"},
        "criterion = nn.NLLLoss()\nfor x in y:\n    loss = criterion(x, y)\n",
        "criterion = nn.CrossEntropyLoss()\nfor x in y:\n    loss = criterion(x, y)\n",
    ),
    "another activation of the model": (
        "swap-function",
        {"line": 4, "function": "softmax", "to": "log_softmax"},
        "class Net(Module):\n    act = nn.Softmax(dim=1)\n    def forward(self, x):\n        return self.act(x)\n",
        "class Net(Module):\n    act = nn.LogSoftmax(dim=1)\n    def forward(self, x):\n        return self.act(x)\n",
    ),
    "a loss with options that the other does not have": (
        "swap-function",
        {"line": 2, "function": "cross_entropy", "to": "binary_cross_entropy_with_logits"},
        "criterion = nn.CrossEntropyLoss(ignore_index=0)\nloss = criterion(a, b)\n",
        None,
    ),
    "a function that was imported by itself": (
        "swap-function",
        {"line": 1, "function": "nll_loss", "to": "cross_entropy"},
        "loss = nll_loss(net(x), y)\n",
        None,
    ),
    # set-optimizer-arg: where the value is written
    "lr literal": (
        "set-optimizer-arg",
        {"line": 1, "arg": "lr", "value": 1e-05},
        "opt = torch.optim.SGD(model.parameters(), lr=0.1)  # plain\n",
        "opt = torch.optim.SGD(model.parameters(), lr=1e-5)  # plain\n",
    ),
    "lr positional": (
        "set-optimizer-arg",
        {"line": 1, **LR},
        "opt = SGD(model.parameters(), 0.1, 0.9)\n",
        "opt = SGD(model.parameters(), 0.003, 0.9)\n",
    ),
    "fourth positional": (
        "set-optimizer-arg",
        {"line": 1, "arg": "weight_decay", "value": 0.0},
        "opt = SGD(model.parameters(), 0.1, 0.9, 0, 0.5)\n",
        "opt = SGD(model.parameters(), 0.1, 0.9, 0, 0.0)\n",
    ),
    "noise of arithmetic": (
        "set-optimizer-arg",
        {"line": 1, "arg": "lr", "value": 0.1 * 3},
        "opt = Adam(p, lr=1)\n",
        "opt = Adam(p, lr=0.3)\n",
    ),
    "keyword appended": (
        "set-optimizer-arg",
        {"line": 1, "arg": "momentum", "value": 0.9},
        "opt = optim.SGD(net.parameters(), lr=0.1)\n",
        "opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\n",
    ),
    "keyword appended, a line each": (
        "set-optimizer-arg",
        {"line": 3, "arg": "momentum", "value": 0.9},
        "opt = optim.SGD(\n    net.parameters(),\n    lr=0.1,  # big\n)\n",
        "opt = optim.SGD(\n    net.parameters(),\n    lr=0.1,  # big\n    momentum=0.9,\n)\n",
    ),
    "unknown to this optimizer": (
        "set-optimizer-arg",
        {"line": 1, "arg": "momentum", "value": 0.9},
        "opt = optim.Adam(net.parameters(), lr=0.1)\n",
        None,
    ),
    "constant that is also printed": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "LR = 0.1  # tuned\nprint(f'{LR}', LR)\nopt = SGD(p, lr=LR)\n",
        "LR = 0.003  # tuned\nprint(f'{LR}', LR)\nopt = SGD(p, lr=LR)\n",
    ),
    "constant that feeds the scheduler": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "lr = 0.1\nopt = SGD(p, lr=lr)\ns = OneCycleLR(opt, max_lr=lr)\n",
        "lr = 0.003\nopt = SGD(p, lr=lr)\ns = OneCycleLR(opt, max_lr=lr)\n",
    ),
    "constant of two optimizers": (
        "set-optimizer-arg",
        {"line": "a = ", **LR},
        "lr = 0.1\na = Adam(p, lr=lr)\nb = Adam(q, lr=lr)\n",
        "lr = 0.1\na = Adam(p, lr=0.003)\nb = Adam(q, lr=lr)\n",
    ),
    "constant that is also a batch norm momentum": (
        "set-optimizer-arg",
        {"line": "SGD", "arg": "momentum", "value": 0.9},
        "m = 0.999\nbn = nn.BatchNorm1d(3, momentum=m)\nopt = SGD(p, lr=1, momentum=m)\n",
        "m = 0.999\nbn = nn.BatchNorm1d(3, momentum=m)\nopt = SGD(p, lr=1, momentum=0.9)\n",
    ),
    "unpacked constants": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "lr, epochs = 0.1, 30\nopt = SGD(p, lr=lr)\n",
        "lr, epochs = 0.003, 30\nopt = SGD(p, lr=lr)\n",
    ),
    "parameter default": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "def train(lr=0.1):\n    opt = SGD(p, lr=lr)\n\ntrain()\n",
        "def train(lr=0.003):\n    opt = SGD(p, lr=lr)\n\ntrain()\n",
    ),
    "argument of the only call": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "def train(lr=0.1):\n    opt = SGD(p, lr=lr)\n\ntrain(lr=.5)\n",
        "def train(lr=0.1):\n    opt = SGD(p, lr=lr)\n\ntrain(lr=0.003)\n",
    ),
    "a sweep is on purpose": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "def train(lr):\n    opt = SGD(p, lr=lr)\n\nfor lr in (1, 2):\n    train(lr)\n",
        None,
    ),
    "two calls that differ": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "def train(lr):\n    opt = SGD(p, lr=lr)\n\ntrain(1)\ntrain(2)\n",
        None,
    ),
    "argparse": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        dedent("""
            parser.add_argument("-l", "--lr", type=float, default=0.1, help="größe")
            def main():
                args = parser.parse_args()
                opt = SGD(p, lr=args.lr)
        """),
        dedent("""
            parser.add_argument("-l", "--lr", type=float, default=0.003, help="größe")
            def main():
                args = parser.parse_args()
                opt = SGD(p, lr=args.lr)
        """),
    ),
    "argparse handed on": (
        "set-optimizer-arg",
        {"line": "SGD", "arg": "weight_decay", "value": 0.0},
        "a.add_argument('--weight-decay', default=1.)\ndef f(args):\n"
        "  SGD(p, 1, weight_decay=args.weight_decay)\nf(a.parse_args())\n",
        "a.add_argument('--weight-decay', default=0.0)\ndef f(args):\n"
        "  SGD(p, 1, weight_decay=args.weight_decay)\nf(a.parse_args())\n",
    ),
    "argparse without a default": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "a.add_argument('--lr', required=True)\nargs = a.parse_args()\nSGD(p, lr=args.lr)\n",
        None,
    ),
    "overridden on the command line": (
        "set-optimizer-arg",
        {"line": "SGD", "current": 5.0, **LR},
        "a.add_argument('--lr', default=0.1)\nargs = a.parse_args()\nSGD(p, lr=args.lr)\n",
        None,
    ),
    "click": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "@click.command()\n@click.option('--lr', default=0.1)\ndef main(lr):\n    SGD(p, lr=lr)\nmain()\n",
        "@click.command()\n@click.option('--lr', default=0.003)\ndef main(lr):\n    SGD(p, lr=lr)\nmain()\n",
    ),
    "nested dictionary": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "cfg = {'opt': {'lr': 0.1}}\nSGD(p, lr=float(cfg['opt']['lr']))\n",
        "cfg = {'opt': {'lr': 0.003}}\nSGD(p, lr=float(cfg['opt']['lr']))\n",
    ),
    "dictionary that is changed later": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "cfg = {'lr': 0.1}\ncfg['lr'] = 0.2\nSGD(p, lr=cfg['lr'])\n",
        "cfg = {'lr': 0.1}\ncfg['lr'] = 0.2\nSGD(p, lr=0.003)\n",
    ),
    "schedule written by hand": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "cfg = {'lr': 0.1}\nopt = SGD(p, lr=cfg['lr'])\nfor g in opt.param_groups: g['lr'] = cfg['lr']\n",
        "cfg = {'lr': 0.003}\nopt = SGD(p, lr=cfg['lr'])\nfor g in opt.param_groups: g['lr'] = cfg['lr']\n",
    ),
    "namespace": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "C = SimpleNamespace(lr=0.1)\nSGD(p, lr=C.lr)\n",
        "C = SimpleNamespace(lr=0.003)\nSGD(p, lr=C.lr)\n",
    ),
    "class attribute": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "class C:\n    lr = 0.1  # c\nSGD(p, lr=C.lr)\n",
        "class C:\n    lr = 0.003  # c\nSGD(p, lr=C.lr)\n",
    ),
    "dataclass default": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "@dataclass\nclass C:\n    lr: float = 0.1\ndef f(cfg: C):\n    SGD(p, lr=cfg.lr)\nf(C())\n",
        "@dataclass\nclass C:\n    lr: float = 0.003\ndef f(cfg: C):\n    SGD(p, lr=cfg.lr)\nf(C())\n",
    ),
    "attribute of self": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "class T:\n    def __init__(self, lr=0.1):\n        self.lr = lr\n"
        "    def go(self):\n        SGD(p, lr=self.lr)\n",
        "class T:\n    def __init__(self, lr=0.003):\n        self.lr = lr\n"
        "    def go(self):\n        SGD(p, lr=self.lr)\n",
    ),
    "double star": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "kw = dict(lr=3)\nSGD(p, **kw)\n",
        "kw = dict(lr=0.003)\nSGD(p, **kw)\n",
    ),
    "expression": (
        "set-optimizer-arg",
        {"line": 1, **LR},
        "opt = SGD(p, lr=base * world_size)\n",
        "opt = SGD(p, lr=0.003)\n",
    ),
    "parameter groups decide": (
        "set-optimizer-arg",
        {"line": "SGD", **LR},
        "g = [{'params': a, 'lr': 1}, {'params': b}]\nSGD(g, lr=0.1)\n",
        None,
    ),
    "tuple": (
        "set-optimizer-arg",
        {"line": 1, "arg": "betas", "value": [0.9, 0.999]},
        "Adam(p, betas=(0.99, 0.999))\n",
        "Adam(p, betas=(0.9, 0.999))\n",
    ),
    # set-call-arg
    "shuffle": (
        "set-call-arg",
        {"line": 1, "function": "DataLoader", "arg": "shuffle", "value": True},
        "l = DataLoader(data, batch_size=3)\n",
        "l = DataLoader(data, batch_size=3, shuffle=True)\n",
    ),
    "shuffle beside a sampler": (
        "set-call-arg",
        {"line": 1, "function": "DataLoader", "arg": "shuffle", "value": True},
        "l = DataLoader(data, sampler=s)\n",
        None,
    ),
    "reduction": (
        "set-call-arg",
        {"line": 1, "function": "CrossEntropyLoss", "arg": "reduction", "value": "mean"},
        "c = nn.CrossEntropyLoss(reduction='sum')\n",
        "c = nn.CrossEntropyLoss(reduction='mean')\n",
    ),
    # zero_grad
    "zero_grad before backward": (
        "insert-zero-grad",
        {"backward_line": "backward", "step_line": "step"},
        "for x in l:\n\t# learn\n\tloss.backward()  # b\n\topt.step()\n",
        "for x in l:\n\t# learn\n\topt.zero_grad()\n\tloss.backward()  # b\n\topt.step()\n",
    ),
    "zero_grad in a one-line body": (
        "insert-zero-grad",
        {"backward_line": 1, "step_line": 1},
        "for x in l: loss.backward(); opt.step()\n",
        "for x in l: opt.zero_grad(); loss.backward(); opt.step()\n",
    ),
    "zero_grad through a scaler, no newline at the end": (
        "insert-zero-grad",
        {"backward_line": "backward", "step_line": "step"},
        "for x in l:\n  scaler.scale(loss).backward()\n  scaler.step(self.opt)",
        "for x in l:\n  self.opt.zero_grad()\n  scaler.scale(loss).backward()\n  scaler.step(self.opt)",
    ),
    "zero_grad of two losses": (
        "insert-zero-grad",
        {"backward_line": "b.backward", "step_line": "step"},
        "for x in l:\n  a.backward()\n  b.backward()\n  opt.step()\n",
        "for x in l:\n  opt.zero_grad()\n  a.backward()\n  b.backward()\n  opt.step()\n",
    ),
    "zero_grad keeps an accumulation": (
        "insert-zero-grad",
        {"backward_line": "backward", "step_line": "step"},
        "for i in l:\n  loss.backward()\n  if i % 4 == 0:\n    opt.step()\n  log()\n",
        "for i in l:\n  loss.backward()\n  if i % 4 == 0:\n    opt.step()\n    opt.zero_grad()\n  log()\n",
    ),
    "zero_grad in a closure": (
        "insert-zero-grad",
        {"backward_line": "backward", "step_line": "step"},
        "for x in l:\n  def closure():\n    loss.backward()\n    return loss\n  opt.step(closure)\n",
        "for x in l:\n  def closure():\n    opt.zero_grad()\n    loss.backward()\n    return loss\n"
        "  opt.step(closure)\n",
    ),
    "zero_grad is there": (
        "insert-zero-grad",
        {"backward_line": "backward", "step_line": "step"},
        "for x in l:\n  opt.zero_grad(set_to_none=True)\n  loss.backward()\n  opt.step()\n",
        None,
    ),
    "zero_grad moved with its comment": (
        "move-zero-grad",
        {"zero_line": "zero_grad", "backward_line": "backward"},
        "for x in l:\n  loss.backward()\n  # reset\n  opt.zero_grad()  # z\n  opt.step()\n",
        "for x in l:\n  # reset\n  opt.zero_grad()  # z\n  loss.backward()\n  opt.step()\n",
    ),
    "zero_grad moved in one line": (
        "move-zero-grad",
        {"zero_line": 2, "backward_line": 2},
        "for x in l:\n  a.backward(); opt.zero_grad(); opt.step()\n",
        "for x in l:\n  opt.zero_grad()\n  a.backward(); opt.step()\n",
    ),
    "zero_grad of another block": (
        "move-zero-grad",
        {"zero_line": "zero_grad", "backward_line": "backward"},
        "for x in l:\n  a.backward()\n  if x:\n    opt.zero_grad()\n    opt.step()\n",
        None,
    ),
    # backward and step
    "backward and step": (
        "insert-backward",
        {"loss_line": "loss =", "optimizer_line": 1},
        "opt = SGD(p)\nfor x, y in l:\n    opt.zero_grad()\n    loss = f(m(x), y)  # é\n    n += 1\n",
        "opt = SGD(p)\nfor x, y in l:\n    opt.zero_grad()\n    loss = f(m(x), y)  # é\n"
        "    loss.backward()\n    opt.step()\n    n += 1\n",
    ),
    "backward only, after the penalty": (
        "insert-backward",
        {"loss_line": "loss =", "optimizer_line": 1},
        "opt = SGD(p)\nfor x in l:\n  loss = f(x)\n  loss += reg\n  opt.zero_grad()\n  opt.step()\n",
        "opt = SGD(p)\nfor x in l:\n  loss = f(x)\n  loss += reg\n  opt.zero_grad()\n  loss.backward()\n  opt.step()\n",
    ),
    "backward where the loss is returned": (
        "insert-backward",
        {"loss_line": "return", "optimizer_line": 1},
        "opt = SGD(p)\ndef loss(x):\n    return f(x)\n",
        None,
    ),
    "step after clipping": (
        "insert-step",
        {"backward_line": "backward", "optimizer_line": 1},
        "opt = SGD(p)\nfor x in l:\n  loss.backward()\n  clip_grad_norm_(p, 1)\n  n += 1\n",
        "opt = SGD(p)\nfor x in l:\n  loss.backward()\n  clip_grad_norm_(p, 1)\n  opt.step()\n  n += 1\n",
    ),
    "step by its name as a parameter": (
        "insert-step",
        {"backward_line": "backward", "optimizer_line": 2},
        "def mk(m):\n  return SGD(m)\ndef train(o):\n  for x in l:\n    s.backward()\nopt = mk(m)\ntrain(opt)\n",
        "def mk(m):\n  return SGD(m)\ndef train(o):\n  for x in l:\n    s.backward()\n    o.step()\n"
        "opt = mk(m)\ntrain(opt)\n",
    ),
    "step of self": (
        "insert-step",
        {"backward_line": "backward", "optimizer_line": 3},
        "class T:\n  def __init__(self):\n    self.opt = SGD(m)\n  def fit(self):\n    for x in l: s.backward()\n",
        "class T:\n  def __init__(self):\n    self.opt = SGD(m)\n  def fit(self):\n"
        "    for x in l: s.backward(); self.opt.step()\n",
    ),
    "step brought into the loop": (
        "insert-step",
        {"backward_line": "backward", "optimizer_line": 1},
        "opt = SGD(m)\nfor e in r:\n  for x in l:\n    s.backward()\n  opt.step()\n",
        "opt = SGD(m)\nfor e in r:\n  for x in l:\n    s.backward()\n    opt.step()\n",
    ),
    "step of an optimizer nobody can name": (
        "insert-step",
        {"backward_line": "backward", "optimizer_line": "SGD"},
        "def train():\n  loss.backward()\ndef make():\n  opt = SGD(m)\n",
        None,
    ),
    # drop-activation
    "function": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "loss = criterion(F.softmax(model(x), dim=1), y)\n",
        "loss = criterion(model(x), y)\n",
    ),
    "function of a sum": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "y = torch.softmax(a + b, 1) * 2\n",
        "y = (a + b) * 2\n",
    ),
    "function over several lines": (
        "drop-activation",
        {"line": 3, "name": "softmax"},
        "y = F.softmax(\n    a  # in\n    + b,  # out\n    dim=1)\n",
        "y = (a  # in\n    + b  # out\n)\n",
    ),
    "method": ("drop-activation", {"line": 1, "name": "softmax"}, "y = x.softmax(-1)\n", "y = x\n"),
    "module of self": (
        "drop-activation",
        {"line": "return", "name": "sigmoid"},
        "class M:\n  def __init__(self):\n    self.out = nn.Sigmoid()\n  def forward(self, x):\n"
        "    return self.out(self.fc(x))\n",
        "class M:\n  def __init__(self):\n    self.out = nn.Sigmoid()\n  def forward(self, x):\n"
        "    return self.fc(x)\n",
    ),
    "module on the spot": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "y = nn.Softmax(dim=1)(x)\n",
        "y = x\n",
    ),
    "statement that would say nothing": (
        "drop-activation",
        {"line": 2, "name": "relu"},
        "def f(x):\n    x = F.relu(x)\n    return x\n",
        "def f(x):\n    return x\n",
    ),
    "twice over": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "y = F.softmax(F.softmax(x, 1), 1)\n",
        "y = x\n",
    ),
    "two of them": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "y = F.softmax(a, 1), F.softmax(b, 1)\n",
        None,
    ),
    "last of a sequential": (
        "drop-activation",
        {"line": "Softmax", "name": "softmax"},
        "m = nn.Sequential(\n    nn.Linear(1, 2),  # hidden\n    nn.Softmax(dim=1),\n)\n",
        "m = nn.Sequential(\n    nn.Linear(1, 2),  # hidden\n)\n",
    ),
    "last of a sequential in one line": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "m = nn.Sequential(nn.Linear(1, 2), nn.Softmax(dim=1))\n",
        "m = nn.Sequential(nn.Linear(1, 2))\n",
    ),
    "pair of an ordered dictionary": (
        "drop-activation",
        {"line": 1, "name": "tanh"},
        "m = nn.Sequential(OrderedDict([('a', nn.Linear(1, 2)), ('t', nn.Tanh())]))\n",
        "m = nn.Sequential(OrderedDict([('a', nn.Linear(1, 2))]))\n",
    ),
    "attribute": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "self.act = torch.nn.Softmax(dim=1)\n",
        "self.act = torch.nn.Identity()\n",
    ),
    "built in a loop": (
        "drop-activation",
        {"line": 2, "name": "relu"},
        "for i in sizes:\n    layers += [nn.Linear(i, i), nn.ReLU()]\n",
        None,
    ),
    "sigmoid and its thresholds": (
        "drop-activation",
        {"line": "return", "name": "sigmoid"},
        "class Net(nn.Module):\n  def forward(self, x):\n    return torch.sigmoid(self.fc(x))\nnet = Net()\n"
        "out = net(x).squeeze()\nacc = (out > 0.5) == y\nr = torch.round(net(v))\nz = random() > 0.5\n",
        "class Net(nn.Module):\n  def forward(self, x):\n    return self.fc(x)\nnet = Net()\n"
        "out = net(x).squeeze()\nacc = (out > 0) == y\nr = (net(v) > 0).float()\nz = random() > 0.5\n",
    ),
    "softmax whose probabilities are compared": (
        "drop-activation",
        {"line": 1, "name": "softmax"},
        "p = F.softmax(z, 1)\nloss = f(p, y)\nhit = p[:, 1] > 0.5\n",
        None,
    ),
    # reshape-target
    "target": (
        "reshape-target",
        {"line": 1, "how": "unsqueeze"},
        "loss = criterion(model(x), y)\n",
        "loss = criterion(model(x), y.unsqueeze(1))\n",
    ),
    "target by keyword": (
        "reshape-target",
        {"line": 1, "how": "unsqueeze"},
        "loss = F.mse_loss(model(x), target=y + 1)\n",
        "loss = F.mse_loss(model(x), target=(y + 1).unsqueeze(1))\n",
    ),
    "prediction": (
        "reshape-target",
        {"line": 1, "how": "squeeze_input"},
        "loss = nn.MSELoss()(model(x), y)\n",
        "loss = nn.MSELoss()(model(x).squeeze(1), y)\n",
    ),
    "difference": (
        "reshape-target",
        {"line": 1, "how": "unsqueeze", "side": "right", "dim": -1},
        "loss = ((pred - y) ** 2).mean()\n",
        "loss = ((pred - y.unsqueeze(-1)) ** 2).mean()\n",
    ),
    "difference by hint": (
        "reshape-target",
        {"line": 1, "how": "squeeze_input", "target_expr_hint": "y"},
        "loss = torch.abs(y - pred).mean()\n",
        "loss = torch.abs(y - pred.squeeze(1)).mean()\n",
    ),
    "difference of unknown sides": (
        "reshape-target",
        {"line": 1, "how": "unsqueeze"},
        "loss = ((a - b) ** 2).mean()\n",
        None,
    ),
    # mode and schedulers
    "train mode": (
        "set-mode",
        {"line": "out", "mode": "train"},
        "model = M()\nfor x in l:\n    out = model(x)\n",
        "model = M()\nfor x in l:\n    model.train()\n    out = model(x)\n",
    ),
    "eval taken back": (
        "set-mode",
        {"line": "out", "mode": "train"},
        "model = M()\nfor e in r:\n  model.eval()\n  out = model(x)\n",
        "model = M()\nfor e in r:\n  model.train()\n  out = model(x)\n",
    ),
    "eval around the validation": (
        "set-mode",
        {"line": "val", "mode": "eval"},
        "model = M()\nfor e in r:\n  s.backward()\n  with torch.no_grad():\n    val = model(x)\n  log()\n",
        "model = M()\nfor e in r:\n  s.backward()\n  model.eval()\n  with torch.no_grad():\n"
        "    val = model(x)\n  model.train()\n  log()\n",
    ),
    "scheduler after step": (
        "move-scheduler",
        {"scheduler_line": "sched", "step_line": "opt.step"},
        "for e in r:\n  # s\n  sched.step()\n  opt.step()\n",
        "for e in r:\n  opt.step()\n  # s\n  sched.step()\n",
    ),
    "scheduler out of the loop": (
        "dedent-scheduler",
        {"scheduler_line": "sched"},
        "for e in r:\n    for x in l:\n        opt.step()\n        # s\n        sched.step()  # t\n    log()\n",
        "for e in r:\n    for x in l:\n        opt.step()\n    # s\n    sched.step()  # t\n    log()\n",
    ),
    "scheduler of the only loop": (
        "dedent-scheduler",
        {"scheduler_line": "sched"},
        "for x in l:\n    opt.step()\n    sched.step()\n",
        None,
    ),
    # order
    "statement": ("remove-statement", {"line": 2}, "for x in l:\n  a()\n  b()\n", "for x in l:\n  b()\n"),
    "only statement": ("remove-statement", {"line": 2}, "for x in l:\n  a()\n", "for x in l:\n  pass\n"),
    "optimizer after the head": (
        "move-optimizer-after",
        {"optimizer_line": "SGD", "after_line": "model.fc"},
        "model = M()\n# o\nopt = SGD(model.parameters())\nif new:\n  model.fc = L()\nrun()\n",
        "model = M()\nif new:\n  model.fc = L()\n# o\nopt = SGD(model.parameters())\nrun()\n",
    ),
    "optimizer that a scheduler holds": (
        "move-optimizer-after",
        {"optimizer_line": "SGD", "after_line": "model.fc"},
        "opt = SGD(model.parameters())\ns = StepLR(opt)\nmodel.fc = L()\n",
        None,
    ),
    "clip before step": (
        "move-clip-before-step",
        {"clip_line": "clip", "step_line": "step"},
        "for x in l:\n  loss.backward()\n  opt.step()\n  clip_grad_norm_(p, 2)  # c\n",
        "for x in l:\n  loss.backward()\n  clip_grad_norm_(p, 2)  # c\n  opt.step()\n",
    ),
    "module list": (
        "wrap-modulelist",
        {"line": "layers"},
        "from torch import nn\nclass M:\n  def __init__(self):\n    self.layers = [nn.Linear(1, 1)]\n",
        "from torch import nn\nclass M:\n  def __init__(self):\n    self.layers = nn.ModuleList([nn.Linear(1, 1)])\n",
    ),
    "list of numbers": ("wrap-modulelist", {"line": 2}, "import torch\nself.sizes = [1, 2]\n", None),
}

CASES |= edit_cases.CASES
POSSIBLE = {name: case for name, case in CASES.items() if case[3] is not None}


def edit_of(kind: str, args: dict[str, Any], source: str) -> Edit:
    lines = source.splitlines()
    found = {
        name: next(number for number, line in enumerate(lines, 1) if value in line)
        if name.endswith("line") and isinstance(value, str)
        else value
        for name, value in args.items()
    }
    return Edit(kind, found)


def test_every_kind_of_edit_has_a_case() -> None:
    assert {case[0] for case in CASES.values()} == set(EDITS) - {"standardise-inputs"}


@pytest.mark.parametrize("name", CASES)
def test_edit(name: str) -> None:
    kind, args, source, expected = CASES[name]
    assert edit_source(source, [edit_of(kind, args, source)]) == expected


@pytest.mark.parametrize("name", POSSIBLE)
def test_crlf_is_kept(name: str) -> None:
    kind, args, source, expected = CASES[name]
    assert expected is not None
    edited = edit_source(source.replace("\n", "\r\n"), [edit_of(kind, args, source)])
    assert edited == expected.replace("\n", "\r\n")


@pytest.mark.parametrize("name", POSSIBLE)
def test_nested_source_is_edited_alike(name: str) -> None:
    """Inside a decorated function, behind non-ASCII text and a type comment."""
    kind, args, source, expected = CASES[name]
    if any(word in source for word in ("add_argument", "option(", "class ", "def ", "import ", "no_grad")):
        pytest.skip("the names of the case would mean something else inside a function")
    assert expected is not None
    head = '"""ä 学习"""\n@decorated\ndef outer(a, b):\n    # type: (int, int) -> None\n'

    def nested(text: str) -> str:
        return head + "".join("    " + line for line in text.splitlines(keepends=True))

    edit = edit_of(kind, args, source)
    moved = {key: value + 4 if key.endswith("line") else value for key, value in edit.args.items()}
    assert edit_source(nested(source), [Edit(kind, moved)]) == nested(expected)


@pytest.mark.parametrize("name", POSSIBLE)
def test_edit_is_idempotent(name: str) -> None:
    """Asked for again, where the change now stands, it makes no further one."""
    kind, args, _, expected = CASES[name]
    if kind in ("remove-statement", "more-epochs"):
        pytest.skip("removes, or multiplies, whatever stands at the line")
    assert expected is not None
    try:
        again = edit_of(kind, args, expected)
    except StopIteration:
        return
    assert edit_source(expected, [again]) in (None, expected)


@pytest.mark.parametrize("name", POSSIBLE)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_diff_applies_with_patch(name: str, newline: str, tmp_path: Path) -> None:
    _, _, source, expected = CASES[name]
    assert expected is not None
    source, expected = source.replace("\n", newline), expected.replace("\n", newline)
    (tmp_path / "train me.py").write_bytes(source.encode())
    diff = unified_diff("train me.py", source, expected)
    done = subprocess.run(
        ["patch", "-p1", "--binary"], input=diff.encode(), cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "train me.py").read_bytes() == expected.encode()


@pytest.mark.parametrize("name", POSSIBLE)
def test_only_named_lines_change(name: str) -> None:
    """All comments that are not on a removed line are still there."""
    _, _, source, expected = CASES[name]
    assert expected is not None
    comments = [line.split("# ")[1] for line in source.splitlines() if "# " in line]
    assert [line.split("# ")[1] for line in expected.splitlines() if "# " in line] == comments
