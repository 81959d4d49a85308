"""Tiny models with random weights, made on the spot and saved with processor and chat template, as the Hub has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CORPUS = [
    "What is shown in this image? Is there a fracture of the left rib? Yes. No. Describe the findings in detail.",
    "The chest radiograph shows a small nodule in the upper lobe; which organ, which plane, which modality?",
    "user assistant system model <start> <end> CT MRI X-ray ultrasound histology 0 1 2 3 4 5 6 7 8 9 \n",
]
ROLES = ["<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '%IMAGE%' + '\\n' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def tokenizer(extra: list[str], **options: Any) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", *extra]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    raw.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
        model_max_length=4096,
        **options,
    )


def save(model: Any, processor: Any, folder: Path) -> Path:
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 2, 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def llava(folder: Path, *, seed: int = 0, **text: Any) -> Path:
    import torch
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(seed)
    words = tokenizer(["<image>", "<|user|>", "<|assistant|>", "<|system|>"])
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=56,
        patch_size=14,
        projection_dim=16,
    )
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    words_config = LlamaConfig(
        vocab_size=len(words),
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.2,
        **(sizes | text),
    )
    place = words.convert_tokens_to_ids("<image>")
    config = LlavaConfig(
        vision_config=vision, text_config=words_config, image_token_index=place, image_seq_length=16
    )
    pictures = CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    processor = LlavaProcessor(
        image_processor=pictures,
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=TEMPLATE.replace("%IMAGE%", "<image>"),
    )
    return save(LlavaForConditionalGeneration(config), processor, folder)


def llava_next(folder: Path, *, seed: int = 0) -> Path:
    """Pictures of different shapes take different numbers of tokens, and tensors that do not join."""
    import torch
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessor,
        LlavaNextProcessor,
    )

    torch.manual_seed(seed)
    words = tokenizer(["<image>", "<|user|>", "<|assistant|>", "<|system|>"])
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    grid = [[56, 112], [112, 56], [112, 112]]
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(image_size=56, patch_size=14, projection_dim=16, **sizes),
        text_config=LlamaConfig(
            vocab_size=len(words), max_position_embeddings=4096, initializer_range=0.2, **sizes
        ),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
    )
    pictures = LlavaNextImageProcessor(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(
        image_processor=pictures,
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=TEMPLATE.replace("%IMAGE%", "<image>"),
    )
    return save(LlavaNextForConditionalGeneration(config), processor, folder)


def gemma3(folder: Path, *, seed: int = 0, window: int = 32) -> Path:
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
        Gemma3TextConfig,
        SiglipVisionConfig,
    )

    torch.manual_seed(seed)
    own = {"image_token": "<img>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    words = tokenizer(
        [*own.values(), "<|user|>", "<|assistant|>", "<|system|>"], extra_special_tokens=dict(own)
    )
    vision = SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=56,
        patch_size=14,
        vision_use_head=False,
    )
    text = Gemma3TextConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        sliding_window=window,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        query_pre_attn_scalar=16,
        tie_word_embeddings=False,
        initializer_range=0.2,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    config = Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=4,
        image_token_index=words.convert_tokens_to_ids("<img>"),
        boi_token_index=words.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=words.convert_tokens_to_ids("<end_of_image>"),
        eos_token_id=[2],
        tie_word_embeddings=False,
    )
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer=words,
        image_seq_length=4,
        chat_template=TEMPLATE.replace("%IMAGE%", "<start_of_image>"),
    )
    return save(Gemma3ForConditionalGeneration(config), processor, folder)


def qwen25vl(folder: Path, *, seed: int = 0) -> Path:
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
    )

    from medcli.models import processors

    torch.manual_seed(seed)
    words = tokenizer(
        [
            "<|image_pad|>",
            "<|video_pad|>",
            "<|vision_start|>",
            "<|vision_end|>",
            "<|user|>",
            "<|assistant|>",
            "<|system|>",
        ]
    )
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "initializer_range": 0.2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 14,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        image_token_id=words.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=words.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=words.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=words.convert_tokens_to_ids("<|vision_end|>"),
    )
    sizes = {"shortest_edge": 28 * 28, "longest_edge": 84 * 84}
    template = TEMPLATE.replace("%IMAGE%", "<|vision_start|><|image_pad|><|vision_end|>")
    still = processors.still(Qwen2_5_VLProcessor)  # the whole one cannot be made without torchvision
    processor = still(Qwen2VLImageProcessor(size=sizes), words, chat_template=template)
    save(Qwen2_5_VLForConditionalGeneration(config), processor, folder)
    return with_videos(folder, "Qwen2VLVideoProcessor")


def internvl(folder: Path, *, seed: int = 0) -> Path:
    """An InternVL whose pictures are cut into tiles, one run of places for all of them."""
    import torch
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
    )

    from medcli.models import processors

    torch.manual_seed(seed)
    own = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    words = tokenizer([*own.values(), *ROLES], extra_special_tokens=dict(own))
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = InternVLConfig(
        vision_config=sizes | {"image_size": (56, 56), "patch_size": (14, 14)},
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(words),
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "initializer_range": 0.2,
        },
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    pictures = GotOcr2ImageProcessor(
        size={"height": 56, "width": 56}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    template = TEMPLATE.replace("%IMAGE%", "<IMG_CONTEXT>")
    still = processors.still(InternVLProcessor)
    processor = still(pictures, words, image_seq_length=4, chat_template=template)
    save(InternVLForConditionalGeneration(config), processor, folder)
    return with_videos(folder, "InternVLVideoProcessor")


def idefics3(folder: Path, *, seed: int = 0) -> Path:
    """An Idefics3 whose pictures are cut into tiles, a run of places for each."""
    import torch
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )

    torch.manual_seed(seed)
    grid = [f"<row_{n // 6 + 1}_col_{n % 6 + 1}>" for n in range(36)]
    marks = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    words = tokenizer([*marks, *grid, *ROLES])
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = Idefics3Config(
        vision_config=sizes | {"image_size": 56, "patch_size": 14},
        text_config={
            "model_type": "llama",
            "vocab_size": len(words),
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 4096,
            "initializer_range": 0.2,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        pad_token_id=0,
    )
    pictures = Idefics3ImageProcessor(size={"longest_edge": 112}, max_image_size={"longest_edge": 56})
    template = TEMPLATE.replace("%IMAGE%", "<image>")
    processor = Idefics3Processor(pictures, words, image_seq_len=4, chat_template=template)
    return save(Idefics3ForConditionalGeneration(config), processor, folder)


def with_videos(folder: Path, kind: str) -> Path:
    """Name the part for videos, which cannot be made without torchvision, as the Hub's files do."""
    written = folder / "processor_config.json"
    whole = json.loads(written.read_text())
    whole["video_processor"] = whole["image_processor"] | {"video_processor_type": kind}
    del whole["video_processor"]["image_processor_type"]
    written.write_text(json.dumps(whole))
    return folder


MAKERS = {
    "llava": llava,
    "llava-next": llava_next,
    "gemma3": gemma3,
    "qwen2.5-vl": qwen25vl,
    "internvl": internvl,
    "idefics3": idefics3,
}


def captioner(folder: Path) -> Path:
    """A GIT."""
    from transformers import CLIPImageProcessor, GitConfig, GitForCausalLM, GitProcessor

    words = tokenizer(["<|user|>", "<|assistant|>"])
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = GitConfig(
        vision_config=sizes | {"image_size": 56, "patch_size": 14},
        vocab_size=len(words),
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        max_position_embeddings=128,
        initializer_range=0.2,
        **sizes,
    )
    pictures = CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    return save(GitForCausalLM(config), GitProcessor(pictures, words), folder)


def chart_reader(folder: Path) -> Path:
    """A Pix2Struct that has its order drawn onto the picture."""
    from transformers import (
        Pix2StructConfig,
        Pix2StructForConditionalGeneration,
        Pix2StructImageProcessor,
        Pix2StructProcessor,
    )

    words = tokenizer(["<|user|>", "<|assistant|>"])
    text = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
    }
    ends = {"decoder_start_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    vision = {"hidden_size": 32, "d_ff": 64, "d_kv": 8, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = Pix2StructConfig(text_config=text | ends, vision_config=vision | {"seq_len": 64}, is_vqa=True)
    processor = Pix2StructProcessor(Pix2StructImageProcessor(max_patches=64, is_vqa=True), words)
    return save(Pix2StructForConditionalGeneration(config), processor, folder)


def language_model(folder: Path) -> Path:
    """A LLaMA that sees nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = tokenizer(["<|user|>", "<|assistant|>"])
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.2,
    )
    return save(LlamaForCausalLM(config), words, folder)


MAKERS |= {"captioner": captioner, "chart-reader": chart_reader, "language-model": language_model}
