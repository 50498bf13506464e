import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
rng = np.random.default_rng(0)
VOCAB, LENGTH = 40, 16


class Mentions(torch.utils.data.Dataset):
    """Label: which of two words stands in the sequence more often."""

    def __init__(self, n):
        self.tokens = rng.integers(4, VOCAB, (n, LENGTH))
        self.tokens[:, 0] = 1
        first = (self.tokens < 16).sum(1)
        second = (self.tokens >= 28).sum(1)
        self.labels = (first > second).astype(int)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        ids = torch.tensor(self.tokens[i])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": int(self.labels[i])}


def accuracy(pred):
    logits, labels = pred
    return {"accuracy": float((logits.argmax(-1) == labels).mean())}


config = BertConfig(
    vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=LENGTH, num_labels=2,
)
model = BertForSequenceClassification(config)
args = TrainingArguments(
    output_dir="out", num_train_epochs=5, per_device_train_batch_size=32, per_device_eval_batch_size=128,
    learning_rate=2e-3, warmup_steps=20, weight_decay=0.01, eval_strategy="epoch", save_strategy="no",
    logging_steps=50, report_to="none", use_cpu=True, disable_tqdm=True,
)
trainer = Trainer(
    model=model, args=args, train_dataset=Mentions(2000), eval_dataset=Mentions(500), compute_metrics=accuracy
)
trainer.train()
print(trainer.evaluate())
