"""A classifier of torchvision behind FastAPI, as `benches/serve.py` measures it: photos are decoded and resized by Pillow and computed by
PyTorch, channels-last, on a few threads of a pool, so that the event loop goes on meanwhile. (On Starlette's own pool 40 photos would be
computed at a time, which is far slower.)"""

import asyncio
import io
import os
from concurrent.futures import ThreadPoolExecutor

import torch
import torchvision
from fastapi import FastAPI, Request
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

TOP = 5
torch.set_num_threads(int(os.environ["SERVE_THREADS"]))
torch.set_grad_enabled(False)
weights = torch.load(os.environ["SERVE_WEIGHTS"], weights_only=True)
classes = list(weights.values())[-1].shape[0]
network = torchvision.models.get_model(os.environ["SERVE_ARCH"], num_classes=classes)
network.load_state_dict(weights)
network = network.eval().to(memory_format=torch.channels_last)
prepare = Compose([Resize(256), CenterCrop(224), ToTensor(), Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
pool = ThreadPoolExecutor(int(os.environ["SERVE_PHOTOS"]))
app = FastAPI()


@torch.inference_mode()
def answer(body):
    image = prepare(Image.open(io.BytesIO(body)).convert("RGB"))
    logits = network(image.unsqueeze(0).contiguous(memory_format=torch.channels_last))
    top = logits.softmax(1)[0].topk(TOP)
    return [{"label": str(label), "probability": value} for value, label in zip(top.values.tolist(), top.indices.tolist())]


@app.post("/classify")
async def classify(request: Request):
    top = await asyncio.get_running_loop().run_in_executor(pool, answer, await request.body())
    return {"answers": [{"photo": "photo", "label": top[0]["label"], "probability": top[0]["probability"], "top": top}]}


@app.get("/healthz")
def health():
    return {"status": "ok"}
