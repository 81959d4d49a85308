"""Make a tiny LLaVA with random weights, with processor and chat template, as a folder that `--model` takes.

    python scripts/tiny_model.py FOLDER

Its words are the words below and nothing is learned, so that its answers mean nothing: it shows that a model runs, and
how. It is 56 pixels wide, has some 150,000 parameters, and is the same each time.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

WORDS = """
a abnormal aorta air and artery axial bone bowel brain cardiac chest clear contrast coronal CT cyst dense diffuse
edema effusion enlarged fracture gland head heart hepatic image is kidney large left lesion liver lobe lower lung lymph
mass mediastinum MR multiple muscle nodule no node normal of opacity organ pelvis plane pleural radiograph renal rib
right sagittal shows skull slice small spine spleen stomach the tissue tumor ultrasound upper vein vessel view what
which with . , : ? A B C D
"""
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PIXELS, PATCH = 56, 14


def make(folder: Path) -> Path:
    """Write the model into `folder`; where it is already, nothing is done."""
    if (folder / "config.json").is_file():
        return folder
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    words = _tokenizer()
    _model(words).save_pretrained(half)
    _processor(words).save_pretrained(half)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS.split()])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=SPECIAL[4:],
        padding_side="left",
        model_max_length=2048,
    )


def _model(words: Any) -> Any:
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    tower = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=PIXELS,
        patch_size=PATCH,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.3,  # wide, or every answer would be one word over and over
    )
    places = (PIXELS // PATCH) ** 2
    config = LlavaConfig(
        vision_config=tower,
        text_config=text,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=places,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 2, 0
    return model


def _processor(words: Any) -> Any:
    from transformers import CLIPImageProcessor, LlavaProcessor

    return LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}
        ),
        tokenizer=words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=TEMPLATE,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the folder: python scripts/tiny_model.py FOLDER")
    print(f"The model lies in {make(Path(sys.argv[1]))}.")
