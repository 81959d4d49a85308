"""Small datasets in the layouts of the true ones: what the stand-in for the Hub serves."""

from __future__ import annotations

import json
from typing import Any

from tests.data.bucket import jpeg, png
from tests.data.hub import Hub, archive, git_id, jsonl, parquet, table

PINS = "medcli.data.datasets.sources.pins"


def fill(hub: Hub) -> None:
    """Put every dataset of the Hub there."""
    hub.repositories = {
        "flaviagiammarino/vqa-rad": vqa_rad(),
        "BoKelvin/SLAKE": slake(),
        "flaviagiammarino/path-vqa": path_vqa(),
        "RadGenome/PMC-VQA": pmc_vqa(),
        "eltorio/ROCOv2-radiology": rocov2(),
        "foreverbeliever/OmniMedVQA": omnimedvqa(),
        "TsinghuaC3I/MedXpertQA": medxpertqa(),
    }
    hub.original = json.dumps(
        [
            {"question": "is  the Heart enlarged?", "answer": "Yes", "answer_type": "CLOSED "},
            {"question": "x", "question_rephrase": "what is this", "answer": "lung", "answer_type": "OPEN"},
        ]
    ).encode()


def _asked(image: bytes, question: str, answer: str) -> dict[str, Any]:
    return {"image": {"bytes": image, "path": None}, "question": question, "answer": answer}


def vqa_rad() -> dict[str, bytes]:
    rows = [
        _asked(jpeg(1), "is the heart enlarged?", "yes"),
        _asked(jpeg(1), "what is this", "lung"),
        _asked(jpeg(2), "is it a ct or an mri?", "mri"),
    ]
    files = {"README.md": b"card", "data/test-00000-of-00001-e5bc3d208bb4deeb.parquet": parquet(rows)}
    return files | {"data/train-00000-of-00001-eb8844602202be60.parquet": parquet(rows[:1])}


def path_vqa() -> dict[str, bytes]:
    rows = [_asked(jpeg(3), "what is present?", "endocrine"), _asked(b"no picture", "is it?", "no")]
    names = [f"data/test-0000{n}-of-00002-aa.parquet" for n in (0, 1)]
    files = {names[0]: parquet(rows[:1]), names[1]: parquet(rows[1:])}
    return files | {f"data/{one}-00000-of-00001.parquet": parquet(rows) for one in ("train", "validation")}


def slake() -> dict[str, bytes]:
    def row(number: int, name: str, language: str, kind: str) -> dict[str, Any]:
        return {
            "img_id": 1, "img_name": name, "question": "Which organ?", "answer": "Liver", "q_lang": language,
            "location": "Abdomen", "modality": "MRI", "answer_type": kind, "base_type": "vqa",
            "content_type": "Organ", "triple": ["vhead", "_", "_"], "qid": number,
        }  # fmt: skip

    rows = [row(0, "xmlab1/source.jpg", "en", "OPEN"), row(1, "xmlab2/source.jpg", "en", "CLOSED")]
    rows += [row(2, "xmlab1/source.jpg", "zh", "OPEN"), row(3, "../../evil.jpg", "en", "OPEN")]
    pictures = {f"imgs/xmlab{n}/source.jpg": jpeg(n) for n in (1, 2)}
    pictures |= {"imgs/xmlab1/question.json": b"[]", "../evil.jpg": jpeg(9)}
    splits = {f"{name}.json": json.dumps(rows).encode() for name in ("train", "validation", "test")}
    return splits | {"imgs.zip": archive(pictures), "KG.zip": archive({"a": b""}), "mask.txt": b""}


def pmc_vqa() -> dict[str, bytes]:
    first = [
        {"Figure_path": "PMC1_F1.jpg", "Question": " What? ", "Answer": "spleen", "Choice A": " A:liver",
         "Choice B": " B:spleen ", "Choice C": " C:heart", "Choice D": " D:lung", "Answer_label": "B"},
        {"Figure_path": "PMC2_F1.jpg", "Question": "Lost?", "Answer": "a", "Choice A": "A: a", "Choice B": "B: b",
         "Choice C": "C: c", "Choice D": "D: d", "Answer_label": "A"},
    ]  # fmt: skip
    misspelt = [{**{k: v for k, v in first[0].items() if not k.startswith("Answer")}, "Anwser": " B:spleen "}]
    second = {"index": "0", "Figure_path": "PMC3_Fig1_2.jpg", "Caption": "c", "Question": "Which?"}
    second |= {f"Choice {one}": f" {one}: {one * 2}" for one in "ABCD"} | {"Answer": "C", "split": "test"}
    return {
        "train.csv": table(first), "test.csv": table(first), "test_clean.csv": table(misspelt),
        "train_2.csv": table([second]), "test_2.csv": table([second]),
        "images.zip": archive({"images/PMC1_F1.jpg": jpeg(1)}),
        "images_2.zip": archive({"figures/PMC3_Fig1_2.jpg": jpeg(2)}),
    }  # fmt: skip


def rocov2() -> dict[str, bytes]:
    row = {
        "image": {"bytes": jpeg(4), "path": "x"},
        "image_id": "ROCOv2_2023_test_000001",
        "caption": "CT of it.",
    }
    content = parquet([row | {"cui": ["C0040405"]}])
    return {f"data/{one}-00000-of-00001.parquet": content for one in ("train", "validation", "test")}


def omnimedvqa() -> dict[str, bytes]:
    row = {
        "dataset": "ACRIMA", "question_id": "ACRIMA_0000", "question_type": "Modality Recognition",
        "question": "What imaging?", "gt_answer": "Fundus imaging", "image_path": "Images/ACRIMA/a.png",
        "option_A": "CT", "option_B": "Fundus imaging", "option_C": "PET", "modality_type": "Fundus",
    }  # fmt: skip
    closed = row | {"question_id": "closed", "image_path": "Images/secret/b.png"}
    root = "OmniMedVQA/QA_information"
    files = {
        f"{root}/Open-access/ACRIMA.json": json.dumps([row, row]).encode(),
        f"{root}/Restricted-access/X.json": json.dumps([closed]).encode(),
        "OmniMedVQA/Images/ACRIMA/a.png": png(1),
        "__MACOSX/OmniMedVQA/Images/ACRIMA/._a.png": b"",
    }
    return {"README.md": b"", "OmniMedVQA.zip": archive(files)}


def medxpertqa() -> dict[str, bytes]:
    row = {
        "id": "MM-1", "question": "Diagnosis?\nAnswer Choices: (A) one (B) two", "options": {"A": "one", "B": "two"},
        "label": "B", "images": ["MM-1-a.jpeg"], "medical_task": "Diagnosis", "body_system": "Skin",
        "question_type": "Reasoning",
    }  # fmt: skip
    rows = [row, row | {"id": "MM-2", "images": ["MM-1-a.jpeg", "MM-2-b.jpeg"]}]
    pictures = archive({"images/MM-1-a.jpeg": jpeg(1), "images/MM-2-b.jpeg": jpeg(2)})
    return {
        "MM/dev.jsonl": jsonl(rows[:1]),
        "MM/test.jsonl": jsonl(rows),
        "Text/dev.jsonl": b"",
        "images.zip": pictures,
    }


def llava_med(hub: Hub) -> list[tuple[str, int, str]]:
    """Put LLaVA-Med's files there; return their pins."""
    import hashlib

    asked = {
        "question_id": 0, "image": "1_Fig1.jpg", "pair_id": "1_Fig1", "text": "What is it?\n<image>",
        "gpt4_answer": "A scan.", "fig_caption": "c", "in_text_mention": None, "domain": {"mri": True},
        "type": "conversation", "fig_label": "Fig1",
    }  # fmt: skip
    files = {
        "data/eval/llava_med_eval_qa50_qa.jsonl": jsonl([asked]),
        "data/eval/llava_med_eval_qa50_fig_captions.json": b"{}",
        "data/instruct/llava_med_instruct_10k.json": b"[]",
        "data/llava_med_image_urls.jsonl": jsonl([{"pair_id": "1_Fig1"}]),
    }
    pins = []
    for path, content in files.items():
        oid = hashlib.sha256(content).hexdigest()
        hub.objects[oid] = content
        pins.append((path, len(content), oid))
    return pins


def roco(hub: Hub, revision: str) -> list[tuple[str, int, str]]:
    """Put ROCO's test lists there; return their pins."""
    url = "ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/5f/92/PMC4083729.tar.gz"
    lists = {
        "captions": "ROCO_00001\t CT of the chest .\nROCO_00002\t MRI .\n",
        "dlinks": f"ROCO_00001\twget -r {url} -O PMC4083729.tar.gz\tPMC4083729_A-g002.jpg\n"
        f"ROCO_00002\twget -r {url} -O PMC4083729.tar.gz\tPMC4083729_A-g003.jpg\n",
        "licences": "ROCO_ID,PMC_ID,CC\nROCO_00001,PMC4083729_A-g002.jpg,CC BY\n"
        "ROCO_00002,PMC4083729_A-g003.jpg,CC BY-NC-SA\n",
        "keywords": "ROCO_00001\tct\tchest\n",
        "cuis": "ROCO_00001\tC1\n",
        "semtypes": "ROCO_00001\tT1\n",
    }
    pins = []
    for split in ("train", "validation", "test"):
        for name, text in lists.items():
            path, content = f"data/{split}/radiology/{name}.txt", text.encode()
            hub.files[f"raw/{revision}/{path}"] = content
            pins.append((path, 0, git_id(content)))
    return pins
