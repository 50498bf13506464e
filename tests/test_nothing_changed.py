"""A diagnosis leaves the user's folder as it was, and nothing of the script's runs on afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import doctor, report_of, same_tree, tree, write

REPORTS = ["new: sgd-doctor-report.html", "new: sgd-doctor-report.png"]

WRITES_A_LOT = """
    import csv, json, logging, os, pathlib, pickle, shutil, sqlite3, subprocess, sys, tempfile
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    logging.basicConfig(filename="train.log", level=logging.INFO)
    run = pathlib.Path("runs/new/deep")
    run.mkdir(parents=True)
    shutil.rmtree("runs/old")
    os.rename("best.pt", "previous.pt")
    os.remove("notes.txt")
    pathlib.Path("link").symlink_to("config.json")
    os.chmod("config.json", 0o600)
    with open("history.csv", "a") as file:
        csv.writer(file).writerow([1, 2, 3])
    database = sqlite3.connect("results.db")
    database.execute("create table t (x)")
    database.execute("insert into t values (1)")
    database.commit()
    subprocess.run("echo shell > from_shell.txt; rm -f data/a.npy; mkdir made", shell=True)

    model = nn.Linear(4, 1)
    if os.path.exists("previous.pt"):
        model.load_state_dict(torch.load("previous.pt"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(256, 4)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]]) + 0.1 * torch.randn(256, 1)
    best = 1e9
    for step in range(60):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        logging.info("step %d", step)
        if loss.item() < best:
            best = loss.item()
            torch.save(model.state_dict(), "best.pt")
            np.save("data/weights.npy", model.weight.detach().numpy())
            (run / "loss.json").write_text(json.dumps(best))
            pickle.dump(best, open("best.pkl", "wb"))
    torch.save(model.state_dict(), "last.pt")
    again = torch.load("last.pt")
    assert torch.equal(again["weight"], model.weight)  # a script reads what it wrote
    assert json.loads((run / "loss.json").read_text()) == best
    assert not os.path.exists("notes.txt") and os.path.exists("made")
    print("all there")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with last week's results."""
    import torch

    folder = tmp_path / "project"
    write(folder / "notes.txt", "keep me")
    write(folder / "config.json", "{}")
    write(folder / "history.csv", "step,loss\n")
    write(folder / "runs" / "old" / "events", "precious")
    write(folder / "data" / "a.npy", "not really")
    torch.save(torch.nn.Linear(4, 1).state_dict(), folder / "best.pt")
    return folder


def test_only_the_report_is_new(project: Path, short_temporary_folder: Path) -> None:
    write(project / "train.py", WRITES_A_LOT)
    before = tree(project)
    result = doctor("diagnose", "--script-output", "../said.txt", "train.py", cwd=project)
    assert result.returncode == 0, result.stderr + result.stdout
    assert (project.parent / "said.txt").read_text() == "all there\n"
    assert same_tree(before, tree(project)) == REPORTS
    assert "healthy" in result.stdout
    assert [p.name for p in short_temporary_folder.glob("sgd-doctor*")] == []


@pytest.mark.long
def test_reruns_with_edited_text_change_nothing_either(project: Path) -> None:
    write(project / "train.py", WRITES_A_LOT.replace("        loss.backward()\n", ""))
    before = tree(project)
    result = doctor("diagnose", "--no-report", "--format", "json", "train.py", cwd=project)
    assert result.returncode == 1, result.stderr + result.stdout
    top = report_of(result)["findings"][0]
    assert top["check"] == "missing-backward"
    assert top["fix"]["verified"]
    assert same_tree(before, tree(project)) == []


def test_writes_are_real_where_they_are_allowed(tmp_path: Path) -> None:
    write(tmp_path / "train.py", "open('made', 'w').write('x')\n" + "import os; os.mkdir('folder')\n")
    result = doctor("diagnose", "--allow-writes", "--no-report", "train.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "made", "train.py"]


def test_outputs_in_the_folder_survive_a_script_that_clears_it(tmp_path: Path) -> None:
    write(
        tmp_path / "train.py",
        """
        import glob, os
        for name in glob.glob("*.*"):
            os.remove(name)
        print("cleared")
        """,
    )
    result = doctor("diagnose", "--script-output", "said.txt", "-o", "report.json", "train.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "said.txt").read_text() == "cleared\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.json", "said.txt", "train.py"]


@pytest.mark.long
def test_workers_and_children_change_nothing(project: Path) -> None:
    write(
        project / "train.py",
        """
        import multiprocessing, os, torch
        from torch.utils.data import DataLoader, Dataset

        class Data(Dataset):
            def __len__(self):
                return 64

            def __getitem__(self, i):
                open(f"worker-{i}.txt", "w").write("x")
                return torch.tensor([float(i)]), torch.tensor([2.0 * i])

        def scribble(name):
            open(name, "w").write("x")

        if __name__ == "__main__":
            for kind in ("fork", "spawn"):
                process = multiprocessing.get_context(kind).Process(target=scribble, args=(f"by-{kind}.txt",))
                process.start()
                process.join()
            model = torch.nn.Linear(1, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
            for x, y in DataLoader(Data(), 4, num_workers=2):
                loss = (model(x) - y).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            print(sorted(n for n in os.listdir(".") if n.startswith("by-")), len(os.listdir(".")) > 60)
        """,
    )
    before = tree(project)
    result = doctor("diagnose", "--no-report", "--script-output", "../said.txt", "train.py", cwd=project)
    assert result.returncode in (0, 1), result.stderr
    assert (project.parent / "said.txt").read_text() == "['by-fork.txt', 'by-spawn.txt'] True\n"
    assert same_tree(before, tree(project)) == []
