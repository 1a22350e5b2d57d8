#!/usr/bin/env bash
# Guess:      `from_pretrained` on a folder with config.json and model.safetensors gives the model that
#             model.safetensors holds.
# Behaviour:  where peft is installed and adapter_config.json lies in the folder, transformers 5.23 puts that adapter
#             onto the whole model. After `merge_and_unload().save_pretrained(folder)` into the folder that training
#             wrote its adapter to, the adapter is merged into the weights and then put on once more, silently.
# Why:        other answers than the merged model's, and tensors called lora_A and lora_B in whatever is trained
#             from it. `adapter_kwargs={"subfolder": ...}` with a folder that is not there leaves the adapter out.
# Source:     transformers 5.23.0, integrations/peft.py, `maybe_load_adapters`; utils/peft_utils.py,
#             `find_adapter_config_file`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  --extra-index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}" \
  torch==2.13.0 transformers==5.23.0 peft==0.21.2 safetensors==0.8.0
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import sys

import peft
import torch
import transformers
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

folder = sys.argv[1]
torch.manual_seed(0)
sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, vocab_size=30)
base = BertForSequenceClassification(BertConfig(initializer_range=0.5, **sizes))
config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], init_lora_weights=False)
adapted = peft.get_peft_model(base, config)
adapted.save_pretrained(folder)  # as a run leaves it
merged = adapted.merge_and_unload().eval()
merged.save_pretrained(folder)  # the whole model, into the same folder

ids = torch.tensor([[2, 7, 9, 3]])
twice = AutoModelForSequenceClassification.from_pretrained(folder).eval()
whole = AutoModelForSequenceClassification.from_pretrained(folder, adapter_kwargs={"subfolder": "none"}).eval()
with torch.no_grad():
    expected, found, without = (model(ids).logits for model in (merged, twice, whole))
print(f"transformers {transformers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
print("the merged model       ", expected.tolist())
print("from_pretrained        ", found.tolist())
print("without the adapter    ", without.tolist())
extra = [name for name in twice.state_dict() if "lora_" in name]
print(f"tensors of the adapter: {len(extra)}")
assert torch.allclose(without, expected, atol=1e-6), "the way around no longer works"
assert extra and not torch.allclose(found, expected, atol=1e-3), "the behaviour has changed"
PYTHON
