// Time per photo in a browser, one thread: marque's engine and ONNX Runtime's, in turn within one page of one Chromium for each network.
//
//   npm install --prefix benches/page
//   node benches/page/page.mjs ENGINE.wasm NAME MODEL.safetensors MODEL.onnx [NAME MODEL.safetensors MODEL.onnx …]
//
// ENGINE.wasm is target/wasm32-unknown-unknown/page/marque_page.wasm, which `cargo xtask page` builds. The photo has the size of the
// network's input already; marque's time is that of all from pixels to probabilities, ONNX Runtime's that of the network alone.

import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [engine, ...rest] = process.argv.slice(2);
const networks = [];
for (let at = 0; at + 2 < rest.length; at += 3) networks.push(rest.slice(at, at + 3));
if (!engine || networks.length === 0) {
  console.error('usage: page.mjs ENGINE.wasm NAME MODEL.safetensors MODEL.onnx …');
  process.exit(2);
}

const WARM_UPS = 3, RUNS = 15, SIDE = 224;
const require = createRequire(import.meta.url);
const runtime = path.dirname(require.resolve('onnxruntime-web'));
const files = new Map([['/engine.wasm', engine]]);
networks.forEach(([, model, onnx], index) => files.set(`/${index}.safetensors`, model).set(`/${index}.onnx`, onnx));
const types = { '.wasm': 'application/wasm', '.mjs': 'text/javascript', '.js': 'text/javascript', '.html': 'text/html' };

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  response.setHeader('Content-Type', types[path.extname(pathname)] ?? 'application/octet-stream');
  if (pathname === '/page.html') return response.end('<!doctype html><title>bench</title>');
  const file = files.get(pathname) ?? path.join(runtime, path.basename(pathname));
  createReadStream(file).on('error', () => response.writeHead(404).end()).pipe(response);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${server.address().port}`;

const browser = await puppeteer.launch({
  executablePath: process.env.MARQUE_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
  protocolTimeout: 600_000,
});
console.log(await browser.version());

for (const [index, [name]] of networks.entries()) {
  // A page of its own, so that no network finds what another has left.
  const page = await browser.newPage();
  await page.goto(`${address}/page.html`);
  const { ours, theirs } = await page.evaluate(async (index, warmUps, runs, side) => {
    const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
    const { instance: { exports: marque } } = await WebAssembly.instantiate(await bytes('engine.wasm'));
    const text = () => new TextDecoder().decode(
      new Uint8Array(marque.memory.buffer, marque.marque_text(), marque.marque_text_length()));
    const lent = (content) => {
      const start = marque.marque_alloc(content.length) >>> 0;
      new Uint8Array(marque.memory.buffer, start).set(content);
      return start;
    };
    if (!marque.marque_load(lent(await bytes(`${index}.safetensors`)))) throw new Error(text());
    const pixels = new Uint8Array(4 * side * side).map((_, place) => (place % 4 === 3 ? 255 : (place * 7 + (place >> 9)) & 255));

    const ort = await import('/ort.wasm.bundle.min.mjs');
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(await bytes(`${index}.onnx`), { executionProviders: ['wasm'] });
    const values = new Float32Array(3 * side * side).map((_, place) => ((place * 7) % 255) / 127 - 1);
    const input = { [session.inputNames[0]]: new ort.Tensor('float32', values, [1, 3, side, side]) };

    const own = () => {
      if (!marque.marque_run(lent(pixels), side, side)) throw new Error(text());
    };
    const times = { ours: [], theirs: [] };
    for (let run = -warmUps; run < runs; run += 1) {
      let began = performance.now();
      own();
      const ours = performance.now() - began;
      began = performance.now();
      await session.run(input);
      if (run >= 0) {
        times.ours.push(ours);
        times.theirs.push(performance.now() - began);
      }
    }
    await session.release();
    return times;
  }, index, WARM_UPS, RUNS, SIDE);
  const median = (values) => values.sort((first, second) => first - second)[values.length >> 1];
  const [own, other] = [median(ours), median(theirs)];
  await page.close();
  console.log(`${name}: marque ${own.toFixed(1)} ms, ONNX Runtime ${other.toFixed(1)} ms, ratio ${(own / other).toFixed(2)}`);
}
await browser.close();
server.close();
