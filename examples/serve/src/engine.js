// The engine of the page that the server gives out: the server itself.
'use strict';

(() => {
  /** How often a photo is sent that the server has no time for. */
  const TRIES = 20;
  /** As many classes as a model may have: the page wants all of them. */
  const ALL = 1_000_000;

  const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

  async function answered(address, options) {
    for (let attempt = 1; ; attempt += 1) {
      let response;
      try {
        response = await fetch(address, options);
      } catch {
        throw new Error('the server does not answer');
      }
      if ((response.status === 429 || response.status === 503) && attempt < TRIES) {
        await pause(Number(response.headers.get('Retry-After')) || 1);
        continue;
      }
      const told = await response.json().catch(() => ({}));
      if (told.error) throw new Error(told.error.message);
      if (!response.ok) throw new Error(`the server answered with ${response.status}`);
      return told;
    }
  }

  async function start() {
    const { classes } = await answered('healthz');
    return { description: 'The server at this address answers, with a model of', classes };
  }

  async function classify(file) {
    const body = new FormData();
    body.append('photo', file, file.name);
    const { answers: [{ top }] } = await answered(`classify?top=${ALL}`, { method: 'POST', body });
    return top.map(({ label: name, probability }) => ({ name, probability }));
  }

  marque.engine = {
    where: 'Photos are sent to the server at this address and to nobody else.',
    kinds: 'JPEG, PNG, GIF, WebP, BMP or TIFF.',
    accept: 'image/*,.tif,.tiff,.bmp',
    together: 4,
    start,
    classify,
  };
})();
