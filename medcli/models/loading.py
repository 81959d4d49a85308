"""Where a model goes and in which numbers, and what is said when it cannot be loaded.

Knows transformers' loading arguments, quantisation and adapters; refuses to know any one model.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medcli.errors import MedcliError, MissingExtra, SetupError, UsageError
from medcli.models import checkpoint

if TYPE_CHECKING:
    from medcli.models.protocol import ModelSpec

# Towers, projectors and heads stay as they are: little to gain there, and much to lose.
_UNPACKED = ("vision_tower", "vision_model", "visual", "multi_modal_projector", "mm_projector", "lm_head")
_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Placement:
    """Numbers, devices and how weights are packed.

    Attributes
    ----------
    dtype : torch.dtype
        What the weights become.
    device : str
        Where the model goes if it is not spread.
    arguments : dict
        For ``from_pretrained``.
    adapter : str
        What is put on the loaded model.
    """

    dtype: Any
    device: str
    arguments: dict[str, Any] = field(default_factory=dict)
    adapter: str = ""

    @classmethod
    def of(cls, spec: ModelSpec, settings: dict[str, Any]) -> Placement:
        """Decide for a ModelSpec and a model's config.

        Raises
        ------
        UsageError, MissingExtra
            If options contradict each other, or bitsandbytes is missing.
        """
        import torch

        device = spec.device
        if device == "auto":
            device = "cuda:0" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise SetupError("There is no CUDA device here.", hint="Say --devices cpu.")
        dtype = _dtype(spec.dtype, settings, device)
        arguments: dict[str, Any] = {"dtype": dtype}
        if spec.attention != "auto":
            arguments["attn_implementation"] = spec.attention
        if spec.quantize:
            arguments["quantization_config"] = _quantized(spec.quantize, dtype)
        if spec.split:
            checkpoint.need("accelerate")
            arguments["device_map"] = "auto"
        elif spec.quantize or device.startswith("cuda"):
            checkpoint.need("accelerate")
            arguments["device_map"] = {"": device}
        return cls(dtype, device, arguments, spec.adapter)

    def finish(self, model: Any) -> Any:
        """Put the adapter on, and the model into its place."""
        if self.adapter:
            model = _adapted(model, self.adapter, packed="quantization_config" in self.arguments)
        if "device_map" not in self.arguments:
            model = model.to(self.device)
        return model.eval()


def _dtype(name: str, settings: dict[str, Any], device: str) -> Any:
    import torch

    if name == "auto":
        if device == "cpu":
            return torch.float32
        text = settings.get("text_config") or {}
        name = next(
            (
                str(found)
                for where in (settings, text)
                for key in ("dtype", "torch_dtype")
                if (found := where.get(key))
            ),
            "bfloat16",
        )
    if name not in _DTYPES:
        raise UsageError(f"There is no dtype '{name}'.", hint=f"Choose one of: auto, {', '.join(_DTYPES)}")
    return getattr(torch, name)


def _quantized(bits: str, dtype: Any) -> Any:
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if bits not in ("4bit", "8bit"):
        raise UsageError("Choose --quantize 4bit or 8bit.")
    if find_spec("bitsandbytes") is None:
        raise MissingExtra("quantize", "--quantize")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of every layer's inputs
    keep = [rf"(?:.*\.)?{name}" for name in _UNPACKED]
    if bits == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=keep)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_type="nf4",
        llm_int8_skip_modules=keep,
    )


def _adapted(model: Any, adapter: str, *, packed: bool) -> Any:
    """Merge an adapter into a model; beside packed weights its own stay as they are."""
    from importlib.util import find_spec

    if find_spec("peft") is None:
        raise MissingExtra("adapters", "--adapter")
    from peft import PeftModel

    folder = adapter_folder(adapter)
    with loading():
        wrapped = PeftModel.from_pretrained(model, folder)
        return wrapped.get_base_model() if packed else wrapped.merge_and_unload()


def device_of(module: Any) -> Any:
    """Where a module computes; accelerate knows for one whose weights are elsewhere meanwhile (``--split``)."""
    import torch

    hook = getattr(module, "_hf_hook", None)
    hooks = [hook, *getattr(hook, "hooks", ())]
    found = next(
        (one for each in hooks if (one := getattr(each, "execution_device", None)) is not None), None
    )
    if found is None:
        return next(module.parameters()).device
    return torch.device("cuda", found) if isinstance(found, int) else torch.device(found)


def adapter_folder(adapter: str) -> str:
    """Where an adapter lies: its folder, or its Hub id as it is."""
    from pathlib import Path

    path = Path(adapter).expanduser()
    if path.is_dir() and not (path / "adapter_config.json").is_file():
        raise SetupError("The adapter's folder has no adapter_config.json.", hint="Check --adapter.")
    return str(path) if path.is_dir() else adapter


def silence() -> None:
    """Keep transformers' bars and reports off stderr: medcli says itself what went wrong."""
    from transformers.utils import logging as theirs

    theirs.set_verbosity_error()
    theirs.disable_progress_bar()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Turn whatever a damaged or unfit model makes its loader raise into one sentence."""
    import torch

    silence()
    try:
        yield
    except MedcliError:
        raise
    except (torch.OutOfMemoryError, MemoryError):
        raise no_memory() from None
    except ImportError as error:
        raise missing_package(error) from None
    except Exception as error:
        raise _explained(error) from error


def no_memory() -> SetupError:
    """What is raised where not even one row fits."""
    return SetupError(
        "There is not enough memory for this model.",
        hint="Try --dtype bfloat16, --quantize 4bit, --split, or a smaller model.",
    )


def missing_package(error: ImportError) -> SetupError:
    """Name the package that a model's processor wants."""
    text = str(error)
    for package in ("torchvision", "sentencepiece", "accelerate", "timm", "einops"):
        if package in text.lower():
            return SetupError(
                f"This model needs the package '{package}', which is not installed.",
                hint=f"pip install {package}" if package != "torchvision" else "pip install 'medcli[vision]'",
            )
    return SetupError("This model needs a package that is not installed.", hint=text.strip().split("\n")[0])


def _explained(error: Exception) -> SetupError:
    name, text = type(error).__name__, str(error)
    if "trust_remote_code" in text or "custom code" in text:
        return SetupError(
            "This model brings its own code, which is not run unless you ask for it.",
            hint="Read the code; then say --trust-remote-code.",
        )
    if (
        "size mismatch" in text
        or "Unrecognized model" in text
        or "does not recognize this architecture" in text
    ):
        return SetupError(
            "This model's architecture is not one that the installed transformers knows.",
            hint="pip install -U transformers, or serve it elsewhere and use --backend openai.",
        )
    if (
        "Safetensor" in name
        or "Unpickling" in name
        or "PytorchStreamReader" in text
        or "incomplete" in text.lower()
    ):
        return checkpoint.unreadable()
    return SetupError(f"The model cannot be loaded ({name}).", hint=text.strip().split("\n")[0][:200])
