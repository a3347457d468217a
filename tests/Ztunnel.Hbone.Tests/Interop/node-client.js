// An HTTP/2 CONNECT client on Node's http2, for interoperation tests: opens tunnels to the server under test and does to
// them what applications do. Usage: node node-client.js '{"port":1234,"tls":{"cert":"...","key":"...","ca":"..."}}'.
// Prints one JSON object with what it saw.
'use strict';
const http2 = require('http2');
const tls = require('tls');
const net = require('net');
const fs = require('fs');
const crypto = require('crypto');

const options = JSON.parse(process.argv[2]);

function createConnection() {
  if (!options.tls)
    return net.connect(options.port, '127.0.0.1');
  return tls.connect({
    port: options.port,
    host: '127.0.0.1',
    cert: fs.readFileSync(options.tls.cert),
    key: fs.readFileSync(options.tls.key),
    ca: fs.readFileSync(options.tls.ca),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
}

const session = http2.connect('http://127.0.0.1:' + options.port, { createConnection, settings: { initialWindowSize: 1 << 20 } });
session.on('error', error => { console.error('session', error); process.exit(1); });

function open(authority) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'CONNECT', ':authority': authority, baggage: 'node=1' });
    stream.on('response', headers => resolve({ stream, status: headers[':status'] }));
    stream.on('error', reject);
  });
}

function readAll(stream) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256');
    let length = 0;
    stream.on('data', chunk => { length += chunk.length; hash.update(chunk); });
    stream.on('end', () => resolve({ length, sha256: hash.digest('hex') }));
    stream.on('error', reject);
  });
}

async function echo() {
  const { stream, status } = await open('echo:1');
  const text = await new Promise(resolve => {
    let seen = '';
    stream.setEncoding('utf8');
    stream.on('data', data => { seen += data; if (seen === 'hello') resolve(seen); });
    stream.write('he');
    stream.write('llo');
  });
  const ended = new Promise(resolve => stream.on('end', () => resolve(true)));
  stream.end();
  return { status, text, ended: await ended };
}

async function halfClose() {
  const { stream } = await open('count:1');
  const answer = new Promise(resolve => {
    let seen = '';
    stream.setEncoding('utf8');
    stream.on('data', data => { seen += data; });
    stream.on('end', () => resolve(seen));
  });
  stream.write(Buffer.alloc(100000, 1));
  stream.end();
  return await answer;
}

async function upload() {
  const { stream } = await open('count:1');
  const answer = new Promise(resolve => {
    let seen = '';
    stream.setEncoding('utf8');
    stream.on('data', data => { seen += data; });
    stream.on('end', () => resolve(seen));
  });
  const block = Buffer.alloc(1 << 20, 7);
  for (let i = 0; i < 50; i++) {
    if (!stream.write(block))
      await new Promise(resolve => stream.once('drain', resolve));
  }
  stream.end();
  return await answer;
}

async function download() {
  const { stream } = await open('source:52428800');
  stream.end();
  return await readAll(stream);
}

async function reset() {
  const { stream } = await open('reset:1');
  return await new Promise(resolve => stream.on('close', () => resolve(stream.rstCode)));
}

async function cancel() {
  const { stream } = await open('expect-reset:1');
  stream.on('error', () => {});
  stream.write('x');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  return await new Promise(resolve => stream.on('close', () => resolve(stream.rstCode)));
}

async function refused() {
  const { stream, status } = await open('refuse:403');
  stream.resume();
  await new Promise(resolve => stream.on('close', resolve));
  return status;
}

async function many() {
  const streams = await Promise.all(Array.from({ length: 200 }, () => open('echo:1')));
  const sums = await Promise.all(streams.map(async ({ stream }, i) => {
    const all = readAll(stream);
    stream.write(Buffer.alloc(10000, i));
    stream.end();
    return (await all).length;
  }));
  return sums.reduce((a, b) => a + b);
}

(async () => {
  const result = {
    echo: await echo(),
    halfClose: await halfClose(),
    upload: await upload(),
    download: await download(),
    reset: await reset(),
    cancel: await cancel(),
    refused: await refused(),
    many: await many(),
    ping: await new Promise((resolve, reject) => session.ping((error) => error ? reject(error) : resolve(true))),
  };
  await new Promise(resolve => session.close(resolve));
  console.log(JSON.stringify(result));
})().catch(error => { console.error(error); process.exit(1); });
