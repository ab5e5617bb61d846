// The engine that computes on this device, in a worker beside the page. It begins `engine.js`; behind it come the engine's program and the
// worker's source, and in `model.js` the model: as text, since a page that is opened from a disk may load nothing else.
'use strict';

(() => {
  /** How often the worker is started anew after a photo that it failed at, before the page gives up. */
  const MOST_STARTS = 20;

  const parts = { engine: [], model: [] };
  let workerSource = '', engine, model, worker, starts = 0, classes;

  function bytesOf(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let place = 0; place < bytes.length; place += 1) bytes[place] = binary.charCodeAt(place);
    return bytes;
  }

  /** What the worker answers to a message, one at a time. */
  const answered = (message) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message || 'the worker cannot be started'));
    worker.postMessage(message);
  });

  /** A worker that has the model. */
  async function begin() {
    const source = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
    worker = new Worker(source);
    URL.revokeObjectURL(source);
    starts += 1;
    const { model: told, error } = await answered({ engine, model });
    if (error !== undefined) throw new Error(error);
    return told;
  }

  async function start() {
    if (parts.model.length === 0) throw new Error('model.js could not be loaded');
    [engine, model] = ['engine', 'model'].map((name) => new Blob(parts[name].splice(0)));
    const told = await begin();
    ({ classes } = told);
    return { description: `A ${told.network} that knows`, classes };
  }

  async function classify(file) {
    const { probabilities, error, ended } = await answered({ file });
    if (error === undefined) {
      const answer = probabilities.map((probability, place) => ({ name: classes[place], probability }));
      return answer.sort((first, second) => second.probability - first.probability);
    }
    const told = new Error(error);
    if (ended) {
      worker.terminate();
      told.isFinal = starts >= MOST_STARTS || !(await begin().then(() => true, () => false));
    }
    throw told;
  }

  marque.part = (name, base64) => parts[name].push(bytesOf(base64));
  marque.worker = (source) => { workerSource = source; };
  marque.engine = {
    where: 'Everything is computed on this device, and photos do not leave it.',
    kinds: 'Whatever this browser shows: JPEG, PNG, WebP, GIF, BMP, often AVIF and more.',
    accept: 'image/*',
    together: 1,
    start,
    classify,
  };
})();
